"""Signing in to Entra ID with MSAL."""

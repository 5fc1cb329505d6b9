"""Provisioning one user or group now: what is asked for, and the result."""

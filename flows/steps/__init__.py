"""Idempotent steps that bring one instance into its desired state."""

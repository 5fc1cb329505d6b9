"""Embedded target systems: SCIM servers to which the tenant's jobs provision."""

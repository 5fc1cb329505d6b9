"""The difference between the fleet file and the tenant: pure functions."""

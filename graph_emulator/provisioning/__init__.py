"""The provisioning service: jobs, cycles, credentials, schema, log."""

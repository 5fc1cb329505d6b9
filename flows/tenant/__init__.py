"""The state of the tenant: observation and ownership."""

"""Target systems: SCIM servers behind the tenant, which provisioning writes to."""

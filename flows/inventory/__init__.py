"""Every provisioning job of the tenant: finding them, and what is wrong with each."""

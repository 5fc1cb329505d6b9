"""Watching what the provisioning service does: job health, and the provisioning log."""

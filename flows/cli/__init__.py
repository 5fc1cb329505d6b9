"""The command `entra-fleet`."""

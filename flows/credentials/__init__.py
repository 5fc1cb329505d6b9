"""References to secrets, where their values come from, and their fingerprints."""

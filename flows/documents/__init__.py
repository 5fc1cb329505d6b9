"""YAML, JSON and CSV with positions; independent of fleets."""

"""Attribute mappings and scoping filters as code; independent of Prefect, the store and plans."""

"""Attribute mappings and scoping filters as code; knows no Prefect, no store and no plan."""

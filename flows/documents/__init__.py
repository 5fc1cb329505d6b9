"""YAML, JSON and CSV with positions; knows no fleet."""

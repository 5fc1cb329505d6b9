"""Artifacts of runs in the Prefect UI."""

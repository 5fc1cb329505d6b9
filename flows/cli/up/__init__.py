"""Prefect server, deployments and worker on one machine, with one command."""

"""Prefect server, deployments and worker of one machine, with one command."""

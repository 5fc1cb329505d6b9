"""Work pool, deployments, blocks and automations on a Prefect server."""

"""The workflow: Prefect flows that provision and watch fleets of Entra ID applications."""

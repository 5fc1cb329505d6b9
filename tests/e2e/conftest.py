from tests.cli.conftest import entra_fleet, prefect_server, tenant, write_fleet

__all__ = ["entra_fleet", "prefect_server", "tenant", "write_fleet"]

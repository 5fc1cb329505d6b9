from tests.cli.conftest import entra_fleet, entra_fleet_process, prefect_server, tenant, write_fleet

__all__ = ["entra_fleet", "entra_fleet_process", "prefect_server", "tenant", "write_fleet"]

from tests.cli.conftest import entra_fleet, entra_fleet_process, tenant, write_fleet

__all__ = ["entra_fleet", "entra_fleet_process", "tenant", "write_fleet"]

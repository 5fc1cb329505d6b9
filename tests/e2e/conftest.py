from tests.cli.conftest import entra_fleet, tenant, write_fleet

__all__ = ["entra_fleet", "tenant", "write_fleet"]

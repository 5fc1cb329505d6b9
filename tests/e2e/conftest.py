import pytest

from tests.cli.conftest import entra_fleet_process, prefect_server, tenant, write_fleet

__all__ = ["entra_fleet", "entra_fleet_process", "prefect_server", "tenant", "write_fleet"]


@pytest.fixture
def entra_fleet(entra_fleet_process):
    """Runs the command as a process and waits for its end."""
    return entra_fleet_process

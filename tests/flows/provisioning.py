"""Running provision-fleet against an embedded tenant, as the tests of flows do."""

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.provision import provision_fleet
from tests.estates import estate


@pytest.fixture(autouse=True)
def token():
    with add_prefect_variables({"TOKEN": "a good token"}):
        yield


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant") as served:
        yield served


async def provision(wanted, **parameters):
    """Apply; return the run's state and what it returned."""
    state = await provision_fleet(wanted, **parameters, return_state=True)
    return state, await state.aresult(raise_on_failure=False)


def writes(tenant):
    """The names of what was written since the tenant was told to forget."""
    return [record.operation for record in tenant.requests(writes=True)]

import pytest

from tests.proof.cross_tenant import cloud_world
from tests.proof.world import world as a_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world of its own for each module; its tests reset it."""
    with a_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """A source tenant with three targets; its tests reset it."""
    with cloud_world(tmp_path_factory.mktemp("cloud"), 3) as made:
        yield made

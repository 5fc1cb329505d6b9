import pytest

from tests.proof.world import world as a_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world of its own for each module; its tests reset it."""
    with a_world(tmp_path_factory.mktemp("world")) as made:
        yield made

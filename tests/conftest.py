from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from graph_client.redaction import forget_secrets

pytest.register_assert_rewrite("tests.proof.invariants", "tests.proof.looks")

# The same examples in every run, however slow the machine: what fails in CI fails at home. More are tried with
# `pytest --hypothesis-profile=explore`.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _no_secret_is_known():
    """What one test has learned is masked in no other."""
    forget_secrets()


# The folders whose files take longest, so that no worker is left alone with one of them at the end.
LONGEST = ("e2e", "cli", "flows", "proof", "monitoring", "store", "contract")


def pytest_collection_modifyitems(config, items):
    """Let workers begin with what takes longest; in a single process the order stays as it is."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _rank(item.path))


def _rank(path):
    folder = path.relative_to(Path(__file__).parent).parts[0]
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"

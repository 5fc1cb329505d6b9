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


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"

import importlib.util
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from graph_emulator import Emulator, EmulatorSettings
from graph_emulator.settings import ALL_ROLES

HINT = "the official SDK is not installed; pip install -c constraints.txt '.[contract]'"
SETTINGS = EmulatorSettings(
    roles=(*ALL_ROLES, "Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All"),
    start_delay_seconds=0.0,
    initial_cycle_seconds=100.0,
    cycle_seconds=2400.0,
    # The SDK sends an action without a body as it is; Graph's gateway wants a Content-Type all the same.
    bodyless_writes="lenient",
)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Without the SDK nothing here can be imported; test_installed.py says so."""
    name = collection_path.name
    return True if name.startswith("test_") and name != "test_installed.py" and not is_installed() else None


def is_installed() -> bool:
    return all(importlib.util.find_spec(name) for name in ("msgraph", "azure", "kiota_abstractions"))


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    return Emulator(SETTINGS)


@pytest.fixture(scope="module")
def served(emulator) -> Iterator:
    with emulator.serve() as door:
        yield door


@pytest.fixture(scope="module")
def trust(served) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=served.ca_file)


def is_required() -> bool:
    return os.environ.get("CI") == "true"


@pytest.fixture
async def stranger(emulator, served, trust):
    from tests.contract.stranger import Stranger

    client = Stranger(served, emulator.settings, trust)
    yield client
    await client.close()

"""An embedded tenant with an example fleet, for `up --embedded`."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.cli.demo.fleet import write_demo_fleet
from flows.cli.processes.prefect_server import PrefectApi
from flows.configuration.blocks import EntraTenant
from graph_emulator import Emulator, EmulatorSettings

BLOCK = "embedded"
DEPLOYMENT = "provision-fleet/on-demand-demo"
_INSTANCES = 8
_FLEETS = """\
[fleets.demo]
fleet = "fleet.yaml"
reader = "embedded"
writer = "embedded"
timezone = "UTC"

[fleets.demo.schedules]
sweep = 60

[schedules]
harvest = 120
"""


@contextmanager
def serve_embedded_tenant(directory: Path, api: PrefectApi) -> Iterator[dict[str, str]]:
    """Serve a tenant, save its sign-in as a block, and yield the worker's environment variables.

    Args:
        directory: Where its files go, including the store: an old store would not match a new tenant.
        api: The server that stores the block.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    for old in directory.glob("store.db*"):
        old.unlink()
    emulator = Emulator(EmulatorSettings())
    with emulator.serve(port=0, directory=directory) as served:
        settings = emulator.settings
        write_demo_fleet(directory, settings.tenant_id, _INSTANCES, served.url)
        (directory / "fleets.toml").write_text(_FLEETS, "utf-8")
        block = EntraTenant(
            tenant_id=settings.tenant_id,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            graph_url=served.url,
            authority=served.url,
            ca_file=str(served.ca_file.resolve()),
        )
        with api.used():
            asyncio.run(_save(block))
        yield {"ENTRA_FLEET_STORE": f"sqlite:///{directory / 'store.db'}", "ENTRA_FLEET_TARGETS": "localhost"}


async def _save(block: EntraTenant) -> None:
    # The tenant has another port at each start.
    await block.save(BLOCK, overwrite=True)

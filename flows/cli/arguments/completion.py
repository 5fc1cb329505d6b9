"""What a shell offers after a command: keys of the fleet file, and blocks of the Prefect server.

A shell shows what these print instead of an error, so whatever cannot be read offers nothing.
"""

from pathlib import Path
from typing import Any

import typer

DEFAULT_FLEET = Path("fleet.yaml")


def complete_keys(context: typer.Context, incomplete: str) -> list[str]:
    """Return the keys of the fleet file named so far, or of `fleet.yaml`, that begin with a text."""
    from flows.fleet_file.loader import FleetFileError, load_fleet

    # An option without its value, which is yet to be typed, leaves arguments before it unread.
    path = next(iter(context.args), None) or context.params.get("fleet") or DEFAULT_FLEET
    try:
        fleet = load_fleet(Path(path))
    except FleetFileError:
        return []
    return [each.key for each in fleet.instances if each.key.startswith(incomplete)]


def complete_tenants(incomplete: str) -> list[str]:
    """Return the names of the EntraTenant blocks that begin with a text; none without a configured server."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        return []
    try:
        with get_client(sync_client=True) as client:
            blocks: list[Any] = client.read_block_documents_by_type("entra-tenant", include_secrets=False)
    except (httpx.HTTPError, PrefectHTTPStatusError):
        return []
    return [name for each in blocks if (name := str(each.name)).startswith(incomplete)]


def complete_scopes(incomplete: str) -> list[str]:
    """Return the reset scopes that begin with a text."""
    from flows.plan.job_control import ResetScope

    return [str(scope) for scope in ResetScope if scope.startswith(incomplete)]

"""One harvest as a process of its own: `python -m tests.monitoring.harvester SERVICE_PRINCIPAL_ID …`."""

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime

from flows.configuration.environment import environment
from flows.monitoring.harvest import harvest
from flows.store import open_store
from graph_client import GraphClient, MsalTokens


async def main(service_principal_ids: list[str]) -> None:
    """Sign in as the environment says and harvest, as fast as the tenant answers."""
    source = environment()
    settings = replace(
        source.graph_settings(), reports_per_window=100_000, log_page_size=25, first_backoff_seconds=0.01, attempts=20
    )
    async with GraphClient(settings, MsalTokens(settings, source.tenant, source.sign_in_method())) as graph:
        with open_store(source.store_url) as store:
            now = datetime.now(UTC)
            result = await harvest(
                graph, store, tenant_id=source.tenant, service_principal_ids=service_principal_ids, now=now, parcel=50
            )
    print(result.new)  # noqa: T201  # read by the test


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

"""The program of our Prefect server: `prefect` with two changes to its server.

Transactions that write take SQLite's write lock when they begin. Prefect begins most of them deferred: one that has
read, and finds when it writes that another has written meanwhile, fails at once with "database is locked", whatever
the busy timeout, and the API answers 503 (https://www.sqlite.org/isolation.html).

Requests from workers and the UI for Prefect's collections are answered from the copy that ships with Prefect, or with
404; nothing is fetched from the web.
"""

import runpy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect.server.api import collections
from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration
from prefect.server.database.dependencies import MODELS_DEPENDENCIES
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

_WORKER_TYPES = "aggregate-worker-metadata"


class OneWriterAtATime(AioSqliteConfiguration):
    """SQLite for Prefect: writers wait for each other."""

    @asynccontextmanager
    async def begin_transaction(
        self,
        session: AsyncSession,
        with_for_update: bool = False,  # noqa: ARG002  # every one of them
    ) -> AsyncIterator[AsyncSessionTransaction]:
        """Begin a transaction with the write lock."""
        async with session.begin() as transaction:
            # For this transaction only: concurrent readers do not wait.
            mode = SQLITE_BEGIN_MODE.set("IMMEDIATE")
            try:
                await session.connection()
            finally:
                SQLITE_BEGIN_MODE.reset(mode)
            yield transaction


def main() -> None:
    """Run Prefect's command line."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value() or ""
    if url.startswith("sqlite"):
        MODELS_DEPENDENCIES["database_config"] = OneWriterAtATime(url)
    collections.KNOWN_VIEWS.clear()
    # An unreachable address: Prefect then uses its own copy.
    collections.KNOWN_VIEWS[_WORKER_TYPES] = f"installed:{_WORKER_TYPES}"
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

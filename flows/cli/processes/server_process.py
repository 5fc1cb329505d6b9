"""The program of our Prefect server: Prefect's application with three changes, without Prefect's command line.

Usage: `python -m flows.cli.processes.server_process HOST PORT [--no-services]`; without its services (schedules,
automations, late runs) where several servers share the work and `prefect server services start` runs them.

Transactions that write take SQLite's write lock when they begin. Prefect begins most of them deferred: one that has
read, and finds when it writes that another has written meanwhile, fails at once with "database is locked", whatever
the busy timeout, and the API answers 503 (https://www.sqlite.org/isolation.html).

Requests from workers and the UI for Prefect's collections are answered from the copy that ships with Prefect, or with
404; nothing is fetched from the web.

A JSON schema that was found correct is not checked again, at a tenth of a second for each deployment and each run.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

import uvicorn
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from prefect.server.api import collections
from prefect.server.api.server import create_app
from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration
from prefect.server.database.dependencies import MODELS_DEPENDENCIES
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, get_current_settings
from prefect.utilities.schema_tools import validation
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

NO_SERVICES = "--no-services"
_WORKER_TYPES = "aggregate-worker-metadata"
_SCHEMAS_KEPT = 1000


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
                # Begins the transaction now, while the mode is set; otherwise the first statement would begin it later.
                await session.connection()
            finally:
                SQLITE_BEGIN_MODE.reset(mode)
            yield transaction


def check_schemas_once(validator: Any) -> None:
    """Have a class of validators check each JSON schema against its metaschema once.

    Prefect has those of a deployment and its work pool checked five times for each run that is asked for.
    """
    check = validator.check_schema

    @lru_cache(_SCHEMAS_KEPT)
    def check_text(text: str, format_checker: object) -> None:
        check(json.loads(text), format_checker=format_checker)

    def check_schema(schema: Any, format_checker: object = validator.FORMAT_CHECKER) -> None:
        # What raises is not cached.
        check_text(json.dumps(schema), format_checker)

    validator.check_schema = staticmethod(check_schema)


def main() -> None:
    """Serve Prefect's API and UI at the address on the command line."""
    host, port, *options = sys.argv[1:]
    url = PREFECT_API_DATABASE_CONNECTION_URL.value() or ""
    if url.startswith("sqlite"):
        MODELS_DEPENDENCIES["database_config"] = OneWriterAtATime(url)
    collections.KNOWN_VIEWS.clear()
    # An unreachable address: Prefect then uses its own copy.
    collections.KNOWN_VIEWS[_WORKER_TYPES] = f"installed:{_WORKER_TYPES}"
    for validator in (Draft202012Validator, validation._VALIDATOR):
        check_schemas_once(validator)
    server = get_current_settings().server
    uvicorn.run(
        create_app(final=True, webserver_only=NO_SERVICES in options),
        host=host,
        port=int(port),
        timeout_keep_alive=server.api.keepalive_timeout,
        ws_ping_interval=server.api.websocket_ping_interval,
        ws_ping_timeout=server.api.websocket_ping_timeout,
        log_level=server.logging_level.lower(),
    )


if __name__ == "__main__":
    main()

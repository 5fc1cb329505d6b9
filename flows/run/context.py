"""The tenant and the store that the tasks of one run share.

Tasks are given data only: a client or a secret as an argument would end up in Prefect's cache keys and logs. They
find the connection of their run here instead.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.configuration.environment import EnvironmentIncomplete, environment
from flows.configuration.sign_in import open_client_as, read_identity
from flows.configuration.target_tenants import TargetTenants
from flows.credentials.fingerprint import FingerprintKey, fingerprint_key
from flows.credentials.references import Secret
from flows.credentials.sources import Sources
from flows.fleet_file.loader import known_fleet
from flows.formatting import escape_controls
from flows.monitoring.harvest import raise_gc_threshold
from flows.plan.preflight import permissions_known
from flows.run.progress import note
from flows.run.redaction import redact_errors
from flows.run.task_runner import CallerBreaker
from flows.steps.claims import ClaimsPolicies
from flows.store import Measurement, Store, StoreError, open_store
from flows.store.measurements import Name
from flows.tenant.schemas import SchemaCache
from graph_client import GraphClient, TokenClaims

CLOCK_SKEW_SECONDS = 120.0
"""How far this machine's clock may be from Graph's before it is said."""

_current: ContextVar["RunContext"] = ContextVar("connection")


@dataclass(frozen=True)
class RunContext:
    """A signed-in Graph client, the claims of its token, the store, and where secrets are read."""

    graph: GraphClient
    claims: TokenClaims
    tenant_id: str
    store: Store
    sources: Sources
    fingerprint_key: FingerprintKey | None
    targets: TargetTenants
    validated: dict[str, dict[str, Secret]] = field(default_factory=dict, repr=False)
    """Credentials by key from their validation until they are saved, so that what is saved is what was validated."""
    breaker: CallerBreaker = field(default_factory=CallerBreaker)
    schemas: SchemaCache = field(default_factory=SchemaCache)
    claims_policies: ClaimsPolicies = field(default_factory=ClaimsPolicies)


def run_context() -> RunContext:
    """Return the connection of the run this is called in.

    Raises:
        LookupError: It is called outside `connected`.
    """
    return _current.get()


@asynccontextmanager
async def open_run_context(
    tenant: str | None, expected_tenant_id: str | None = None, writes_per_second: float | None = None
) -> AsyncIterator[RunContext]:
    """Sign in and hold one client and one store for all tasks of a run.

    Args:
        tenant: Name of an `EntraTenant` block, or None for the environment.
        expected_tenant_id: The tenant the fleet file names; None where there is no fleet file.
        writes_per_second: This run's part of Graph's write budget, where others run beside it; None for all of it.

    Raises:
        WrongTenant: The token is another tenant's; nothing was sent to Graph.
        AuthFailed: Microsoft Entra refused the sign-in.
    """
    own = identity = await read_identity(tenant, expected_tenant_id)
    if writes_per_second is not None:
        # Before the client is opened, whose pacing is built from the settings. Targets are not shared with other runs.
        identity = replace(identity, settings=identity.settings.sharing(writes_per_second))
    async with (
        open_client_as(identity, expected_tenant_id) as (graph, claims),
        Sources(identity) as sources,
        TargetTenants(own) as targets,
    ):
        store_url = environment().store_url
        tenant_id = _tenant_of(claims, expected_tenant_id)
        with await asyncio.to_thread(open_store, store_url) as store:
            key = fingerprint_key(identity, store_url)
            breaker = CallerBreaker(permissions_known=permissions_known(claims))
            # A context variable, so that flows that run side by side in one process find each their own.
            token = _current.set(RunContext(graph, claims, tenant_id, store, sources, key, targets, breaker=breaker))
            try:
                # Innermost: an error is redacted before Prefect can see it.
                with redact_errors(), raise_gc_threshold():
                    yield _current.get()
            finally:
                _current.reset(token)
                # A run that has ended does not fail over its own statistics.
                with suppress(StoreError):
                    await asyncio.to_thread(_count_requests, store, tenant_id, graph)
                _tell_clock_skew(graph.clock_skew_seconds)


def _count_requests(store: Store, tenant_id: str, graph: GraphClient) -> None:
    counts: dict[Name, int] = {"graph-requests": graph.requests_sent, "graph-throttled": graph.requests_throttled}
    now = graph.now()
    store.measurements.add(
        Measurement(tenant_id=tenant_id, name=name, value=count, measured_at=now) for name, count in counts.items()
    )


def _tell_clock_skew(seconds: float | None) -> None:
    if seconds is None or abs(seconds) < CLOCK_SKEW_SECONDS:
        return
    text = (
        f"This machine's clock is {abs(seconds) / 60:.0f} minutes {'ahead of' if seconds > 0 else 'behind'} Graph's. "
        "What comes from Graph is dated by Graph's clock; the journal and --since are by this one: set it right."
    )
    get_run_logger().warning("%s", text)
    note(text)


def _tenant_of(claims: TokenClaims, expected_tenant_id: str | None) -> str:
    tenant_id = claims.tenant_id or expected_tenant_id
    if tenant_id is None:
        raise EnvironmentIncomplete("The token does not name its tenant: set AZURE_TENANT_ID to the tenant id.")
    # Rows of the store are found by the id as a text.
    return tenant_id.lower()


_LONGEST = 60
_HEAD_CHARACTERS = 65_536
_NAME = re.compile(r"""^\s*\{?\s*["']?fleet["']?\s*:\s*["']?([a-z0-9][a-z0-9-]*)""", re.MULTILINE)
"""The key at the top level of YAML or JSON; names are lower case."""


def name_run(verb: str) -> Callable[[], str]:
    """Return what names a run: the verb, and the fleet it is about."""

    def name() -> str:
        about = name_fleet_run()
        return f"{verb} {about}" if about else verb

    return name


def name_fleet_run() -> str | None:
    """Return the name of the fleet that the running flow is about; that of its file if it cannot be read."""
    fleet = flow_run.parameters.get("fleet")
    if isinstance(fleet, dict):
        return _shown(str(fleet.get("fleet", ""))) or None
    if not fleet:
        return None
    known = known_fleet(str(fleet))
    return known.fleet if known else _shown(_read_name(Path(str(fleet))) or Path(str(fleet)).stem)


def _read_name(path: Path) -> str | None:
    """Return what a fleet file calls its fleet, without loading it: a run is named before anything is checked."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            found = _NAME.search(file.read(_HEAD_CHARACTERS))
    except (OSError, ValueError):
        return None
    return found[1] if found else None


def _shown(name: str) -> str:
    # The parameter has not been checked yet.
    return escape_controls(name)[:_LONGEST]


async def send_notification(block: str, subject: str, text: str) -> bool:
    """Send a text; return whether it was taken. A failed notification stops nothing.

    Args:
        block: Type and name of the block, such as `slack-webhook/operations`.
        subject: One line.
        text: Markdown.
    """
    try:
        found: Any = await Block.aload(block)
        if not isinstance(found, NotificationBlock):
            get_run_logger().warning("The block %s sends no notifications.", block)
            return False
        with found.raise_on_failure():
            await found.notify(text, subject)
    except Exception as error:  # noqa: BLE001  # what it says may hold the address, which is a secret
        get_run_logger().warning("The block %s could not be used: %s.", block, type(error).__name__)
        return False
    return True

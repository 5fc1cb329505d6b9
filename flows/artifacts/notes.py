"""Notes that a run leaves in the Prefect UI about one block or one job."""

from prefect.artifacts import acreate_markdown_artifact

from flows.artifacts.keys import artifact_key
from flows.formatting.markdown import plain, table
from flows.formatting.text import iso
from flows.monitoring.quarantine_event import QuarantineEvent
from flows.plan.preflight import Check, Preflight


async def publish_connection(tenant: str, found: Preflight) -> None:
    """Show what a block can do, and what to grant it."""
    shown = table(("", "check", "found"), map(_row, found.checks))
    await acreate_markdown_artifact(
        key=artifact_key("connection", tenant),
        markdown=f"# Connection {plain(tenant)}\n\n{shown}\n",
        description=f"What the block {tenant} can do",
    )


async def publish_quarantine(event: QuarantineEvent, note: str) -> None:
    """Show why a job is in quarantine, what to do, and what was done."""
    await acreate_markdown_artifact(
        key=artifact_key("quarantine", event.fleet, event.key),
        markdown=note,
        description=f"Quarantine of {event.key} since {iso(event.began_at)}",
    )


def _row(check: Check) -> tuple[str, str, str]:
    hint = f"<br>{plain(check.hint)}" if check.hint else ""
    return "ok" if check.ok else "**missing**", check.check, plain(check.message) + hint

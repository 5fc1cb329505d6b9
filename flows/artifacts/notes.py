"""Artifacts about one block or one job."""

from prefect.artifacts import acreate_markdown_artifact

from flows.artifacts.keys import artifact_key
from flows.formatting.markdown import escape_markdown, markdown_table
from flows.formatting.text import format_iso
from flows.monitoring.quarantine_event import QuarantineEvent
from flows.plan.preflight import Check, Preflight


async def publish_connection(tenant: str, found: Preflight) -> None:
    """Show what a block can do, and which permissions to grant."""
    shown = markdown_table(("", "check", "found"), map(_row, found.checks))
    await acreate_markdown_artifact(
        key=artifact_key("connection", tenant),
        markdown=f"# Connection {escape_markdown(tenant)}\n\n{shown}\n",
        description=f"What the block {tenant} can do",
    )


async def publish_quarantine(event: QuarantineEvent, note: str) -> None:
    """Show why a job is in quarantine, what to do, and what was done."""
    await acreate_markdown_artifact(
        key=artifact_key("quarantine", event.fleet, event.key),
        markdown=note,
        description=f"Quarantine of {event.key} since {format_iso(event.began_at)}",
    )


def _row(check: Check) -> tuple[str, str, str]:
    hint = f"<br>{escape_markdown(check.hint)}" if check.hint else ""
    return "ok" if check.ok else "**missing**", check.check, escape_markdown(check.message) + hint

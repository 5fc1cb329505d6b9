"""Table and Markdown artifacts of runs in the Prefect UI."""

from collections.abc import Sequence

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from flows.artifacts.keys import artifact_key
from flows.artifacts.portal_links import portal_link
from flows.formatting.markdown import escape_markdown, markdown_table
from flows.formatting.text import format_count, format_iso
from flows.monitoring.harvest import HarvestResult
from flows.monitoring.sweep import Sweep
from flows.plan.plan import Plan
from flows.plan.text import (
    format_change_lines,
    format_changes,
    format_remarks,
    format_unknown_credentials,
    worth_showing,
)
from flows.report.markdown import render_markdown
from flows.report.models import Report
from flows.run.context import run_context
from flows.run.outcome import FleetOutcome

ROWS_MAX = 300
"""A table is one JSON value in Prefect's database; the store has the rest."""


async def publish_plan(plan: Plan) -> None:
    """Show planned changes and their reasons, one row per instance that needs attention, and orphaned applications."""
    rows = [
        {
            "key": each.key,
            "action": str(each.action),
            "changes": "\n".join(format_change_lines(each)),
            "health": each.condition,
            "credentials": ", ".join(f"{key} unknown" for key in format_unknown_credentials(each)),
        }
        for each in filter(worth_showing, plan.instances)
    ]
    lines = [
        f"Plan of {plan.fleet}: {format_changes(plan)}",
        *map(escape_markdown, format_remarks(plan)[:ROWS_MAX]),
    ]
    await acreate_table_artifact(
        key=artifact_key(plan.fleet, "plan"), table=rows[:ROWS_MAX], description="\n\n".join(lines)
    )


async def publish_outcome(outcome: FleetOutcome, what: str = "outcome", notes: Sequence[str] = ()) -> None:
    """Show what was done, failures first, below some lines; `what` distinguishes the artifacts of a fleet."""
    rows = [
        {
            "key": each.key,
            "outcome": each.outcome,
            "error": f"{each.failure.step}: {each.failure}" if each.failure else "",
            "job state": each.job_state or "",
            "service principal": each.service_principal_id or "",
            "job": each.job_id or "",
        }
        for each in sorted(outcome.instances, key=lambda each: each.failure is None)
    ]
    counts = format_count(outcome.summary)
    lines = [f"{outcome.fleet}: {counts}; {outcome.requests} requests, {outcome.seconds:.1f} s", *notes[:ROWS_MAX]]
    await acreate_table_artifact(
        key=artifact_key(outcome.fleet, what), table=rows[:ROWS_MAX], description="\n\n".join(lines)
    )


async def publish_applied(outcome: FleetOutcome, notes: Sequence[str]) -> None:
    """Show what an apply did, with a link to each application."""
    await publish_outcome(outcome, notes=notes)
    await publish_apps(outcome)


async def publish_apps(outcome: FleetOutcome) -> None:
    """Show links to the applications in the Entra admin center, failures first."""
    rows = [
        (_linked(each.key, each.service_principal_id, each.app_id), each.outcome, each.job_state or "")
        for each in sorted(outcome.instances, key=lambda each: each.failure is None)
    ]
    await acreate_markdown_artifact(
        key=artifact_key(outcome.fleet, "apps"),
        markdown=markdown_table(("application", "outcome", "job"), rows[:ROWS_MAX]),
        description=f"{outcome.fleet} in the Entra admin center",
    )


def _linked(key: str, service_principal_id: str | None, app_id: str | None) -> str:
    link = portal_link(run_context().graph.settings.graph_url, service_principal_id, app_id)
    return f"[{key}]({link})" if link else key


async def publish_health(seen: Sweep) -> None:
    """Show the health of the jobs, those that need attention first."""
    rows = [
        {
            "key": reading.target.key,
            "state": reading.health.state,
            "since": format_iso(reading.since) or "",
            "why": reading.why or "",
            "cause": reading.triage.cause if reading.triage else "",
            "to do": reading.triage.proposal.in_words if reading.triage else "",
            **dict(reading.health.counts),
        }
        for reading in seen.worst_first
    ]
    unwell = [each.target for each in seen.worst_first if not each.is_healthy]
    linked = ", ".join(_linked(each.key, each.service_principal_id, each.app_id) for each in unwell[:ROWS_MAX])
    lines = [f"Jobs of {seen.fleet}: {format_count(seen.count())}", *([f"Needs attention: {linked}"] if unwell else [])]
    await acreate_table_artifact(
        key=artifact_key(seen.fleet, "health"), table=rows[:ROWS_MAX], description="\n\n".join(lines)
    )


async def publish_harvest(result: HarvestResult) -> None:
    """Show how many events a harvest stored, and its gaps."""
    gaps = "\n".join(
        f"- {gap.reason}: {format_iso(gap.start)} to {format_iso(gap.end)} {escape_markdown(gap.detail or '')}".rstrip()
        for gap in result.gaps
    )
    await acreate_markdown_artifact(
        key="harvest",
        markdown=f"{result.new} new of {result.read} events; complete up to {format_iso(result.watermark)}.\n\n{gaps}",
        description="The last harvest of the provisioning log",
    )


async def publish_report(report: Report) -> None:
    """Show fleets, events and errors of the last days."""
    await acreate_markdown_artifact(
        key="report", markdown=render_markdown(report), description=f"The last {len(report.days)} days"
    )

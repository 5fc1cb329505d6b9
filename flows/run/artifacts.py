"""Artifacts in Prefect's UI: tables, reports and progress bars."""

import json
import re
import shlex
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Self
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx
from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.runtime import deployment

from flows.formatting import escape_markdown, format_count, format_iso, format_number, markdown_table
from flows.monitoring.harvest import HarvestResult
from flows.monitoring.quarantine import QuarantineEvent
from flows.monitoring.sweep import Sweep
from flows.plan.plan import Plan
from flows.plan.preflight import Check, Preflight
from flows.plan.text import (
    format_change_lines,
    format_changes,
    format_remarks,
    format_unknown_credentials,
    verb_of,
    worth_showing,
)
from flows.report.content import Report
from flows.report.markdown import render_markdown
from flows.run.context import run_context
from flows.run.journal import FleetOutcome
from flows.run.waves import HealthCheck, RolloutReport, WaveReport
from flows.steps.on_demand import (
    OnDemandResult,
    OnDemandResults,
    format_details,
    format_lines,
    format_unexpected,
)
from flows.target.targets import TargetCheck

_FLOWS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "apply": ("provision-fleet", "on-demand", {}),
    "plan": ("provision-fleet", "on-demand", {"dry_run": True}),
    "rotate": ("rotate-credentials", "rotate", {}),
    "retire": ("retire-instances", "retire", {}),
    "jobs start": ("control-jobs", "jobs", {"action": "start"}),
    "jobs pause": ("control-jobs", "jobs", {"action": "pause"}),
    "jobs restart": ("control-jobs", "jobs", {"action": "restart"}),
}
"""The flow and the deployment that do what a command does, and the parameters that say so."""

# Those of prefect.yaml that are made once for each fleet, as NAME or NAME-FLEET.
_OURS = re.compile(
    r"(?:on-demand|drift-check|shard|rotate|restore|jobs|retire|try|sweep|wait-settled|react|targets)(?P<fleet>-.+)?"
)
# The longest first: a regular expression takes the first that fits.
_VERBS = "|".join(sorted(_FLOWS, key=len, reverse=True))
_OPTIONS = r"(?: --force| --(?:only|reset|application-id) [^\s`;,]+)*"
_COMMAND = re.compile(rf"(?P<quote>`?)entra-fleet (?P<verb>{_VERBS}) FLEET(?P<options>{_OPTIONS})(?P=quote)")
_LISTS = frozenset({"only", "reset"})


def name_flows(text: str) -> str:
    """Return a text in which each command is the deployment that does it, with parameters as the run form takes them.

    It is the one of the fleet whose deployment this is a run of; without one, the flow. Commands that no deployment
    can do stay commands.
    """
    return _COMMAND.sub(_as_flow, text)


def _as_flow(found: re.Match[str]) -> str:
    flow, base, fixed = _FLOWS[found["verb"]]
    own = _OURS.fullmatch(_read_own_deployment() or "")
    flow = f"{flow}/{base}{own['fleet'] or ''}" if own else flow
    # A full stop that ends the sentence is no part of a key.
    words, end = re.fullmatch(r"(.*?)(\.?)", found["options"], re.DOTALL).groups()  # type: ignore[union-attr]
    parameters = json.dumps(fixed | _parameters(shlex.split(words)), ensure_ascii=False)
    quote = found["quote"]
    return f"{quote}{flow}{quote} with {quote}{parameters}{quote}{end}"


def _read_own_deployment() -> str | None:
    """Return the name of the deployment that this is a run of; None if there is none, or Prefect does not say."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run and run.deployment_id is None and run.parent_task_run_id is None:
        # Known without asking the server, which Prefect's runtime would do.
        return None
    # Whatever the server answers, there is something to recommend: no run fails for the want of a name.
    with suppress(httpx.HTTPError, PrefectException):
        return _read_name(deployment.id)
    return None


@cache
def _read_name(deployment_id: str | None) -> str | None:
    """Return the name of the deployment of this run, which Prefect asks the server for each time."""
    return deployment.name if deployment_id else None


def _parameters(words: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    options = iter(words)
    for option in options:
        name = option.removeprefix("--").replace("-", "_")
        if name == "force":
            parameters[name] = True
        elif name in _LISTS:
            parameters.setdefault(name, []).append(next(options))
        else:
            parameters[name] = next(options)
    return parameters


def artifact_key(*parts: str) -> str:
    """Return the parts as an artifact key: Prefect allows lower case, digits and dashes."""
    return re.sub(r"[^a-z0-9-]+", "-", "-".join(parts).lower()).strip("-")  # all that Prefect accepts in a key


async def publish_connection(tenant: str, found: Preflight) -> None:
    """Show what a block can do, and which permissions to grant."""
    shown = markdown_table(("", "check", "found"), map(_step_row, found.checks))
    await acreate_markdown_artifact(
        key=artifact_key("connection", tenant),
        markdown=f"# Connection {escape_markdown(tenant)}\n\n{shown}\n",
        description=f"What the block {tenant} can do",
    )


async def publish_targets(found: Preflight) -> None:
    """Show which faults of the target systems Entra ID does not tolerate, blockers first."""
    verdicts = [each for each in found.checks if isinstance(each, TargetCheck)]
    # False sorts before True: blockers first.
    faulty = sorted((each for each in verdicts if each.verdict != "fine"), key=lambda each: each.ok)
    rows = [
        {
            "target": each.target,
            "rule": each.rule,
            "verdict": each.verdict,
            "found": each.message,
            "to do": each.hint,
        }
        for each in faulty
    ]
    others = [each for each in found.checks if not isinstance(each, TargetCheck)]
    lines = [escape_markdown(" ".join(filter(None, (each.message, each.hint)))) for each in others]
    counts = format_count(Counter(each.verdict for each in verdicts))
    title = f"Targets of {found.fleet}: {counts or 'none'}"
    await acreate_table_artifact(
        key=artifact_key(found.fleet or "", "targets"),
        table=rows[:ROWS_MAX],
        description="\n\n".join([title, *lines[:ROWS_MAX]]),
    )


async def publish_quarantine(event: QuarantineEvent, note: str) -> None:
    """Show why a job is in quarantine, what to do, and what was done."""
    await acreate_markdown_artifact(
        key=artifact_key("quarantine", *filter(None, (event.fleet, event.key or event.job_id))),
        markdown=name_flows(note),
        description=f"Quarantine of {event.key or event.job_id} since {format_iso(event.began_at)}",
    )


def _step_row(check: Check) -> tuple[str, str, str]:
    hint = f"<br>{escape_markdown(check.hint)}" if check.hint else ""
    return "ok" if check.ok else "**missing**", check.check, escape_markdown(check.message) + hint


# https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
_PORTALS = {
    "graph.microsoft.com": "https://entra.microsoft.com",
    "graph.microsoft.us": "https://entra.microsoft.us",
    "dod-graph.microsoft.us": "https://entra.microsoft.us",
    "microsoftgraph.chinacloudapi.cn": "https://entra.microsoftonline.cn",
}


def portal_link(graph_url: str, service_principal_id: str | None, app_id: str | None) -> str | None:
    """Return the URL of an enterprise application's page; None if the Graph root has no known portal.

    Args:
        graph_url: Root of Microsoft Graph, which identifies the cloud.
        service_principal_id: Object id of the service principal.
        app_id: Its appId.
    """
    portal = _PORTALS.get(urlsplit(graph_url).hostname or "")
    if not (portal and service_principal_id and app_id):
        return None
    place = f"objectId/{quote(service_principal_id, safe='')}/appId/{quote(app_id, safe='')}"
    return f"{portal}/#view/Microsoft_AAD_IAM/ManagedAppMenuBlade/~/Overview/{place}"


ROWS_MAX = 300
"""A table is one JSON value in Prefect's database; the store has the rest."""


async def publish_plan(plan: Plan) -> None:
    """Show planned changes and their reasons, one row per instance that needs attention, and orphaned applications."""
    rows = [
        {
            "key": each.key,
            "action": verb_of(each),
            "changes": name_flows("\n".join(format_change_lines(each))),
            # What is yet to be created is not missing.
            "health": each.condition if each.job_id or each.unwell else "",
            "credentials": ", ".join(f"{key} unknown" for key in format_unknown_credentials(each)),
        }
        for each in filter(worth_showing, plan.instances)
    ]
    lines = [
        f"Plan of {plan.fleet}: {format_changes(plan)}",
        *(escape_markdown(name_flows(line)) for line in format_remarks(plan)[:ROWS_MAX]),
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
            "error": name_flows(f"{each.failure.step}: {each.failure}") if each.failure else "",
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
            "key": reading.target.label,
            "state": reading.health.state,
            "since": format_iso(reading.since) or "",
            "why": reading.why or "",
            "cause": reading.triage.cause if reading.triage else "",
            "to do": name_flows(reading.triage.proposal.in_words) if reading.triage else "",
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


async def publish_harvest(result: HarvestResult, *, audits: bool = False) -> None:
    """Show how many events, or records of the audit log, a harvest stored, and its gaps."""
    key, noun, log = ("harvest-audits", "records", "audit") if audits else ("harvest", "events", "provisioning")
    gaps = "\n".join(
        f"- {gap.reason}: {format_iso(gap.start)} to {format_iso(gap.end)} {escape_markdown(gap.detail or '')}".rstrip()
        for gap in result.gaps
    )
    await acreate_markdown_artifact(
        key=key,
        markdown=f"{result.new} new of {result.read} {noun}; complete up to {format_iso(result.watermark)}.\n\n{gaps}",
        description=f"The last harvest of the {log} log",
    )


async def publish_report(report: Report) -> None:
    """Show fleets, events and errors of the last days."""
    await acreate_markdown_artifact(
        key="report", markdown=render_markdown(report), description=f"The last {len(report.days)} days"
    )


async def publish_waves(fleet: str, report: RolloutReport) -> None:
    """Show the health check of each instance by wave, unhealthy ones first."""
    rows = [
        _verdict_row(wave, each) for wave in report.waves for each in sorted(wave.verdicts, key=lambda each: each.good)
    ]
    waves = "\n".join(
        f"- {each.name}: {format_number(len(each.members), 'instance')}, {each.state}" for each in report.waves
    )
    why = "\n\n".join(escape_markdown(name_flows(line)) for line in report.why())
    await acreate_table_artifact(
        key=artifact_key(fleet, "waves"),
        table=rows[:ROWS_MAX],
        description=f"Rollout of {fleet} in waves\n\n{waves}\n\n{why}",
    )


def _verdict_row(wave: WaveReport, verdict: HealthCheck) -> dict[str, str]:
    return {
        "wave": f"{wave.number} ({wave.label})",
        "key": verdict.key,
        "verdict": "healthy" if verdict.good else "; ".join(verdict.reasons),
        "outcome": verdict.outcome,
        "job state": verdict.state,
        "new failures": str(verdict.failures),
        "deletes": "?" if verdict.deletes is None else str(verdict.deletes),
        "tried": "; ".join(verdict.tried),
        "remarks": "; ".join(verdict.remarks),
    }


_TRIALS_SHOWN = 50  # each is a section with tables of its own


async def publish_on_demand_results(outcome: OnDemandResults) -> None:
    """Show each attempt: its steps, attributes before and after, and what to do."""
    parts = [_markdown(trial, outcome.expected) for trial in outcome.trials[:_TRIALS_SHOWN]]
    await acreate_markdown_artifact(
        key=artifact_key(outcome.fleet, "on-demand"),
        markdown="\n\n".join(parts) or "Nothing was provisioned.",
        description=f"{outcome.fleet}: provisioned on demand",
    )


def _markdown(trial: OnDemandResult, expected: str | None) -> str:
    parts = [f"## {escape_markdown(trial.subject.label)} · {trial.key}: {trial.outcome}"]
    if difference := format_unexpected(trial, expected):
        parts.append(f"**{escape_markdown(difference)}**")
    if trial.steps:
        rows = [
            tuple(
                escape_markdown(text or "")
                for text in (each.type, each.status, each.name, each.description, format_details(each))
            )
            for each in trial.steps
        ]
        parts.append(markdown_table(("type", "status", "step", "what", "details"), rows))
    if trial.modified:
        attributes = [
            tuple(escape_markdown(text or "") for text in (each.name, each.before, each.after))
            for each in trial.modified
        ]
        parts.append(markdown_table(("attribute", "before", "after"), attributes))
    parts.append(
        "\n".join(f"- {': '.join(filter(None, (label, escape_markdown(text))))}" for label, text in format_lines(trial))
    )
    return "\n\n".join(filter(None, parts))


_SECONDS_BETWEEN_UPDATES = 2.0
"""Each update costs a call to Prefect."""


class ProgressArtifact:
    """The progress of one phase of a run as an artifact; created by `start`."""

    def __init__(self, artifact_id: UUID, total: int) -> None:
        self._id = artifact_id
        self._total = total
        self._next_update = 0.0

    @classmethod
    async def start(cls, fleet: str, phase: str, total: int) -> Self:
        """Show a bar at 0 %.

        Args:
            fleet: Name of the fleet.
            phase: Name of the phase, such as `provision`.
            total: Number of items to process.
        """
        made = await acreate_progress_artifact(
            progress=0.0, key=artifact_key(fleet, phase), description=f"{fleet}: {phase}"
        )
        return cls(made, total)

    async def show(self, done: int) -> None:
        """Update the bar, at most once per interval; its end is always shown."""
        now = time.monotonic()
        if done < self._total and now < self._next_update:  # the last update is never left out
            return
        self._next_update = now + _SECONDS_BETWEEN_UPDATES
        await aupdate_progress_artifact(self._id, progress=100.0 * done / self._total if self._total else 100.0)

"""Plans, outcomes and health as tables."""

from datetime import datetime
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flows.cli.output.console import stdout_console
from flows.formatting.text import format_count
from flows.monitoring.sweep import Sweep
from flows.monitoring.triage import ErrorTriage, Triage
from flows.plan.plan import Plan
from flows.plan.text import DANGEROUS, format_change_lines, format_unknown_credentials, worth_showing

if TYPE_CHECKING:
    from flows.run.journal import FleetOutcome


_COLOURS = {
    "create": "green",
    "created": "green",
    "adopt": "cyan",
    "adopted": "cyan",
    "update": "yellow",
    "updated": "yellow",
    "rotated": "green",
    "conflict": "red",
    "failed": "red",
    "steady": "green",
    "initial-cycle": "cyan",
    "degraded": "yellow",
    "quarantined": "red",
    "missing": "red",
    "unknown": "red",
}


def plan_table(plan: Plan) -> Table:
    """Return the instances with changes, conflicts, warnings or unhealthy jobs."""
    table = Table("key", "action", "change", "health", "credentials", box=None, pad_edge=False)
    for each in filter(worth_showing, plan.instances):
        unknown = ", ".join(f"{key} unknown" for key in format_unknown_credentials(each))
        what = Text("\n".join(format_change_lines(each)) or "-")
        what.highlight_words([DANGEROUS], "bold red")
        health = Text(each.condition, style=_COLOURS.get(each.health.state, ""))
        table.add_row(each.key, state_text(str(each.action)), what, health, Text(unknown or "-"))
    return table


def outcome_table(outcome: "FleetOutcome") -> Table:
    """Return the instances that were changed or failed."""
    table = Table("key", "outcome", "job", "application", "service principal", box=None, pad_edge=False)
    for each in outcome.instances:
        if each.outcome not in {"unchanged", "held"}:
            job_state = state_text(each.job_state or "-")
            ids = (Text(each.application_id or "-"), Text(each.service_principal_id or "-"))
            table.add_row(each.key, state_text(each.outcome), job_state, *ids)
    return table


def health_table(seen: "Sweep") -> Table:
    """Return the health of the jobs, those that need action first."""
    table = Table("key", "state", "since", "last execution", "counts", "why", box=None, pad_edge=False)
    for reading in seen.worst_first:
        health = reading.health
        counts = format_count(health.counts)
        moments = (_moment(reading.since), _moment(health.last_execution))
        why = Text(reading.why or "-")
        table.add_row(reading.target.key, state_text(health.state), *moments, Text(counts or "-"), why)
    return table


def _moment(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ") if moment else "-"


def state_text(word: str) -> Text:
    """Return a state in its colour, the same in every table."""
    return Text(word, style=_COLOURS.get(word, ""))


def show_health(seen: Sweep) -> None:
    """Print a sweep, and the triage of each quarantine."""
    stdout_console().print(health_table(seen))
    for reading in seen.readings:
        if reading.triage:
            show_triage(reading.triage)


def show_triage(triage: Triage) -> None:
    """Print cause, errors and remediation of one job."""
    console = stdout_console()
    console.print()
    console.print(Text.assemble((triage.key, "bold"), (" is quarantined: ", "red"), triage.cause), soft_wrap=True)
    grid = Table.grid(padding=(0, 2))
    for error in triage.errors:
        grid.add_row(Text(f"{error.failure.count}x", justify="right"), Text(_error(error)))
    for label, text in (("do", triage.proposal.text), *(("", command) for command in triage.proposal.commands)):
        grid.add_row(Text(label, style="dim", justify="right"), Text(text))
    console.print(Padding(grid, (0, 0, 0, 2)))


def _error(error: ErrorTriage) -> str:
    failure = error.failure
    meaning = f" ({error.explanation.meaning})" if error.explanation.meaning else ""
    who = failure.source_name or failure.source_id
    example = f"; last {who}" if who else ""
    words = " ".join(filter(None, (failure.reason, failure.additional_details)))
    return f"{failure.error_code or 'no code'}{meaning}{example}{f': {words}' if words else ''}"

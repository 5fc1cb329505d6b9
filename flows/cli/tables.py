"""Plans, outcomes and health as tables for a person."""

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from flows.counts import in_words
from flows.reconcile.plan import Action, FieldChange, Plan

if TYPE_CHECKING:
    from flows.monitoring.sweep import Sweep
    from flows.reconcile.outcome import FleetOutcome

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
}


def plan_table(plan: Plan) -> Table:
    """Return the instances that are not as they should be."""
    table = Table("key", "action", "change", "health", box=None, pad_edge=False)
    for each in plan.instances:
        if each.action is Action.NONE:
            continue
        what = "\n".join(_change(change) for change in each.changes)
        if each.conflict:
            what = f"{each.conflict.message}\n{each.conflict.hint}"
        if each.action is Action.CREATE:
            what = f"{each.instance.display_name} from {each.instance.template}, job {each.instance.job}"
        table.add_row(each.key, coloured(str(each.action)), Text(what), coloured(each.health.state))
    return table


def outcome_table(outcome: "FleetOutcome") -> Table:
    """Return the instances that something was done for."""
    table = Table("key", "outcome", "job", "application", "service principal", box=None, pad_edge=False)
    for each in outcome.instances:
        if each.outcome != "unchanged":
            job_state = coloured(each.job_state or "-")
            ids = (Text(each.application_id or "-"), Text(each.service_principal_id or "-"))
            table.add_row(each.key, coloured(each.outcome), job_state, *ids)
    return table


def health_table(seen: "Sweep") -> Table:
    """Return how the jobs are doing."""
    table = Table("key", "state", "last execution", "counts", "reason", box=None, pad_edge=False)
    for reading in seen.readings:
        health = reading.health
        last = health.last_execution.strftime("%Y-%m-%d %H:%M:%SZ") if health.last_execution else "-"
        counts = in_words(health.counts)
        reason = " ".join(filter(None, (health.reason, health.error_message)))
        table.add_row(reading.target.key, coloured(health.state), last, Text(counts or "-"), Text(reason or "-"))
    return table


def _change(change: FieldChange) -> str:
    if change.before is None:
        return f"{change.field}: {change.after}"
    return f"{change.field}: {change.before} → {change.after}"


def coloured(word: str) -> Text:
    """Return a word in the colour that it has in every table."""
    return Text(word, style=_COLOURS.get(word, ""))

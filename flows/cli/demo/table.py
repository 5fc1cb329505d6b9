"""The result of a demo as tables."""

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from flows.cli.demo.fleet import NON_GALLERY
from flows.cli.demo.result import DemoResult
from flows.cli.output.tables import state_text
from flows.errors import StepFailed
from flows.formatting.text import format_count

_ERRORS_SHOWN = 3
_TEMPLATE_WIDTH = 20


def demo_table(rehearsal: DemoResult) -> Table:
    """Return one row per instance: outcome, job state and harvested events."""
    statuses = list(rehearsal.totals)
    table = Table("key", "template", "outcome", "job", *statuses, box=None, pad_edge=False)
    for number, column in enumerate(table.columns):
        column.no_wrap = True
        column.justify = "left" if number < len(table.columns) - len(statuses) else "right"
    table.columns[1].max_width = _TEMPLATE_WIDTH
    jobs = {reading.target.key: str(reading.health.state) for reading in rehearsal.seen.readings}
    templates = {instance.key: instance.template for instance in rehearsal.fleet.instances}
    for each in rehearsal.outcome.instances:
        template = templates[each.key]
        events = rehearsal.events.get(each.key, {})
        counts = (str(events[status]) if status in events else "-" for status in statuses)
        name = "custom SCIM (non-gallery)" if template == NON_GALLERY else template
        table.add_row(each.key, Text(name), state_text(each.outcome), state_text(jobs.get(each.key, "-")), *counts)
    return table


def summary_grid(rehearsal: DemoResult, differences: list[str]) -> Table:
    """Return the totals, and whether they match the tenant's state."""
    outcome, events = rehearsal.outcome, sum(rehearsal.totals.values())
    grid = Table.grid(padding=(0, 2))
    requests = f"{outcome.requests} requests, {outcome.requests / max(1, len(outcome.instances)):.1f} per instance"
    grid.add_row("provisioned", f"{_counted(outcome.summary)} in {outcome.seconds:.1f} s; {requests}")
    grid.add_row("jobs", _counted(rehearsal.seen.count()))
    grid.add_row("events", f"{events} harvested: {_counted(rehearsal.totals)}" if events else "none harvested")
    for error in rehearsal.errors[:_ERRORS_SHOWN]:
        grid.add_row("", Text(f"{error.count} x {error.error_code}: {error.example_reason or ''}", no_wrap=True))
    if importers := rehearsal.role_importers:
        why = "AWS Single-Account Access imports roles, which appear in the directory audit log"
        grid.add_row("no events", f"{', '.join(importers)}: {why} and not among provisioning events")
    for each in outcome.instances:
        if each.failure:
            grid.add_row("failed", Text(_in_one_line(each.key, each.failure), style="red"))
    agreed = "matches on every application, job state and event"
    grid.add_row("the tenant", Text("\n".join(differences), style="red") if differences else agreed)
    return grid


def _in_one_line(key: str, failure: StepFailed) -> str:
    what = failure.message.splitlines()[0].rstrip(".")
    return f"{key} at {failure.step}: {what}. A second apply finishes it."


def _counted(counts: Mapping[str, int]) -> str:
    return format_count(dict(sorted(counts.items()))) or "none"

"""Results of on-demand provisioning as text."""

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flows.cli.output.console import print_lines, stdout_console
from flows.on_demand_provisioning.result import OnDemandResult, OnDemandResults, format_details, format_lines

_COLOURS = {"failed": "red", "unknown": "red", "skipped": "yellow"}
_STATUS_COLOURS = {"success": "green", "failure": "red", "skipped": "yellow"}
_INDENT = (0, 0, 0, 2)


def show_on_demand_results(outcome: OnDemandResults) -> None:
    """Print the steps and the outcome of each attempt."""
    for number, trial in enumerate(outcome.trials):
        if number:
            stdout_console().print()
        _show(trial)


def _show(trial: OnDemandResult) -> None:
    console, subject = stdout_console(), trial.subject
    who = "  ".join(filter(None, (subject.label, subject.user_principal_name, subject.kind, subject.id)))
    print_lines([Text(who, style="bold")], console)
    outcome = Text(trial.outcome, style=_COLOURS.get(trial.outcome, "green"))
    console.print(Text.assemble((trial.key, "bold"), "  ", outcome, f"  {trial.tried_at:%Y-%m-%d %H:%M:%SZ}"))
    if trial.steps:
        console.print(Padding(_steps(trial), _INDENT))
    if trial.modified:
        console.print(Padding(_attributes(trial), _INDENT))
    grid = Table.grid(padding=(0, 2))
    for label, text in format_lines(trial):
        grid.add_row(Text(label, style="dim"), Text(text))
    if grid.row_count:
        console.print(Padding(grid, _INDENT))


def _steps(trial: OnDemandResult) -> Table:
    grid = Table.grid(padding=(0, 2))
    for step in trial.steps:
        status = (step.status or "?").lower()
        grid.add_row(
            Text((step.type or step.name or "?").lower(), style="dim"),
            Text(status, style=_STATUS_COLOURS.get(status, "")),
            Text(step.description or step.name or ""),
        )
        if details := format_details(step):
            grid.add_row("", "", Text(details, style="dim"))
    return grid


def _attributes(trial: OnDemandResult) -> Table:
    table = Table("attribute", "before", "after", box=None, pad_edge=False)
    for each in trial.modified:
        table.add_row(*(Text(text or "-") for text in (each.name, each.before, each.after)))
    return table

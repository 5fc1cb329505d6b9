"""What is known of single users and groups as text: on-demand provisioning now, and their history."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flows.cli.output.console import print_lines, stdout_console
from flows.cli.output.tables import Column, format_moment, print_table, state_text

if TYPE_CHECKING:
    from flows.monitoring.user_history import HistoryEntry, TriedOnDemand, UserHistory
    from flows.steps.on_demand import OnDemandResult, OnDemandResults


_COLOURS = {"failed": "red", "unknown": "red", "skipped": "yellow"}
_STATUS_COLOURS = {"success": "green", "failure": "red", "skipped": "yellow"}
_INDENT = (0, 0, 0, 2)


def show_on_demand_results(outcome: "OnDemandResults") -> None:
    """Print the steps and the outcome of each attempt."""
    for number, trial in enumerate(outcome.trials):
        if number:
            stdout_console().print()
        _show(trial)


def _show(trial: "OnDemandResult") -> None:
    # `why` shows users too, from the store alone: it loads no client of Graph.
    from flows.steps.on_demand import format_lines

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


def _steps(trial: "OnDemandResult") -> Table:
    from flows.steps.on_demand import format_details

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


def _attributes(trial: "OnDemandResult") -> Table:
    table = Table("attribute", "before", "after", box=None, pad_edge=False)
    for each in trial.modified:
        table.add_row(*(Text(text or "-") for text in (each.name, each.before, each.after)))
    return table


_HISTORY_COLOURS = {"failure": "red", "success": "green", "skipped": "yellow", "warning": "yellow"}
_COLUMNS = (
    Column("key"),
    Column("application", drop=1, prose=True),
    Column("status"),
    Column("action", drop=2),
    Column("time"),
)
_KEYS_MAX = 10
_TRIALS_MAX = 5
_IMPORTS_MAX = 5


def show_user_history(story: "UserHistory") -> None:
    """Print what happened to a user or group: failures first, each with its cause and what to do."""
    console = stdout_console()
    who = story.identity
    console.print(Text("  ".join(filter(None, (who.name, who.user_principal_name, who.type, who.id))), style="bold"))
    for chapter in story.chapters:
        if lines := list(_lines(chapter)):
            console.print()
            print_lines([_heading(chapter)], console)
            grid = Table.grid(padding=(0, 2))
            for label, text in lines:
                grid.add_row(Text(label, style="dim"), Text(text))
            console.print(Padding(grid, (0, 0, 0, 2)))
    if rows := [_row(chapter) for chapter in story.chapters if not any(_lines(chapter))]:
        console.print()
        print_table(_COLUMNS, rows, console)
    console.print()
    for tried in story.trials[:_TRIALS_MAX]:
        print_lines([_on_demand(tried)], console)
    for imported in story.role_imports[:_IMPORTS_MAX]:
        name = imported.service_principal_name or imported.service_principal_id
        print_lines([f"{_moment(imported.at)}  {name}: {imported.text}."], console)
    if story.unseen:
        keys = ", ".join(job.key for job in story.unseen[:_KEYS_MAX])
        more = f" and {len(story.unseen) - _KEYS_MAX} more" if len(story.unseen) > _KEYS_MAX else ""
        print_lines([f"No events for this user or group in: {keys}{more}."], console)
        for job in story.unseen if len(story.unseen) == 1 else ():
            console.print(
                Text(f"Its job was {job.state} when last checked. Is the user or group assigned and in scope?")
            )
    for each in story.coverage:
        gaps = ", ".join(f"{gap.start:%Y-%m-%d %H:%M} to {gap.end:%Y-%m-%d %H:%M} ({gap.reason})" for gap in each.gaps)
        print_lines([f"Harvest complete up to {_moment(each.watermark)}; gaps: {gaps or 'none'}."], console)


def _row(chapter: "HistoryEntry") -> tuple[str | Text, ...]:
    history = chapter.history
    application = history.service_principal_name if chapter.instance else None
    moment = format_moment(history.activity_at)
    return chapter.name, application or "-", state_text(history.status or "?"), history.action or "-", moment


def _heading(chapter: "HistoryEntry") -> Text:
    history = chapter.history
    heading = Text(chapter.name, style="bold")
    if chapter.instance and history.service_principal_name:
        heading.append(f" ({history.service_principal_name})", style="not bold")
    heading.append("  ").append(history.status or "?", style=_HISTORY_COLOURS.get(history.status or "", ""))
    return heading.append(f"  {history.action or ''}  {_moment(history.activity_at)}", style="not bold")


def _lines(chapter: "HistoryEntry") -> Iterator[tuple[str, str]]:
    history, known = chapter.history, chapter.explanation
    yield from (("also", ": ".join(filter(None, (job.job_id, job.state, job.reason)))) for job in chapter.other_jobs)
    if history.failures:
        last = f"last success {_moment(history.last_success_at)}" if history.last_success_at else "never succeeded"
        yield "failing", f"{history.failures} times since {_moment(history.failing_since)}; {last}"
    if known is None:
        return
    if step := history.last.step:
        yield "step", ": ".join(filter(None, (step.name or step.type, step.description)))
    yield "code", f"{known.code or '-'}{f': {known.meaning}' if known.meaning else ''}"
    if history.reason:
        yield "Microsoft", history.reason
    if history.last.additional_details:
        yield "details", history.last.additional_details
    if history.recommended_action:
        yield "recommends", history.recommended_action
    if known.cause:
        yield "cause", known.cause
    yield "do", known.proposal.text
    for command in known.proposal.commands:
        yield "", command
    if chapter.job and chapter.job.state not in {"steady", "degraded", "initial-cycle"}:
        yield "job", f"{chapter.job.state}{f': {chapter.job.reason}' if chapter.job.reason else ''}"


def _on_demand(tried: "TriedOnDemand") -> Text:
    result = tried.result
    why = f": {result.error_code}" if result.error_code else ""
    log = "" if tried.logged else "; not in the harvested log yet"
    return Text(f"On demand in {result.key}: {result.outcome}{why}, {_moment(result.tried_at)}{log}")


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else "at an unknown time"

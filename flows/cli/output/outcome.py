"""The outcome of a command that writes, as text or JSON."""

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from flows.cli.errors import FAILED
from flows.cli.output.console import Output, print_json, print_lines, print_note, show_failure, stdout_console
from flows.cli.output.tables import SCREENFUL_MIN, Column, print_table, state_text
from flows.formatting import format_count, format_number

if TYPE_CHECKING:
    from rich.console import Console

    from flows.rollout.waves import RolloutReport
    from flows.run.journal import FleetOutcome


def report_outcome(outcome: "FleetOutcome", output: Output) -> None:
    """Print an outcome, and end the command if an instance failed."""
    if output is Output.JSON:
        print_json(outcome.as_json())
    else:
        show_outcome(outcome)
    if outcome.failed or (outcome.rollout and outcome.rollout.held):
        raise typer.Exit(FAILED)


def show_outcome(outcome: "FleetOutcome") -> None:
    """Print an outcome as text: failures in full, everything else in one line."""
    console = stdout_console()
    _print_instances(outcome, console)
    counts = format_count(outcome.summary)
    summary = f"{outcome.fleet}: {counts or 'no instances'}; {outcome.requests} requests, {outcome.seconds:.1f} s."
    print_lines([summary], console)
    for each in outcome.instances:
        if each.pending:
            print_lines([f"{each.key}: pending until a later apply: {', '.join(each.pending)}"], console)
        if each.token_expiry:
            print_lines([f"{each.key}: {each.token_expiry}"], console)
        if each.staged_certificate:
            print_lines([f"{each.key}: {each.staged_certificate}"], console)
        if each.failure:
            show_failure(each.key, each.failure)
    if outcome.rollout:
        show_rollout(outcome.rollout)


def show_rollout(report: "RolloutReport") -> None:
    """Print the health checks of each wave, and why the rollout was held."""
    console = stdout_console()
    columns = (
        Column("wave"),
        Column("key"),
        Column("job", drop=1),
        Column("new failures", drop=3),
        Column("deletes", drop=2),
        Column("tried", drop=4),
        Column("verdict", prose=True),
    )
    rows = []
    for wave in report.waves:
        for each in wave.verdicts:
            deletes = "?" if each.deletes is None else str(each.deletes)
            verdict = Text("healthy", style="green") if each.good else Text("; ".join(each.reasons), style="red")
            if each.remarks:
                verdict.append(f" ({'; '.join(each.remarks)})", style="dim")
            cells = (f"{wave.number} {wave.label}", each.key, each.state, str(each.failures), deletes)
            rows.append((*cells, "; ".join(each.tried) or "-", verdict))
    print_table(columns, rows, console)
    for wave in report.waves:
        if wave.state == "pending":
            console.print(Text(f"{wave.name}: {format_number(len(wave.members), 'instance')}, not started."))
    print_note(*report.why())


_OUTCOME = (
    Column("key"),
    Column("outcome"),
    Column("job"),
    Column("application", drop=1),
    Column("service principal", drop=2),
)


def _print_instances(outcome: "FleetOutcome", console: "Console") -> None:
    """Print the instances that were changed or failed; on a terminal beyond a screenful only those that failed."""
    told = [each for each in outcome.instances if each.outcome not in {"unchanged", "held"}]
    if console.is_terminal and len(told) > max(console.height, SCREENFUL_MIN):
        # The summary below counts the others, and the plan above has named them.
        told = [each for each in told if each.failure]
    rows = [
        (
            each.key,
            state_text(each.outcome),
            state_text(each.job_state or "-"),
            each.application_id or "-",
            each.service_principal_id or "-",
        )
        for each in told
    ]
    if rows:
        print_table(_OUTCOME, rows, console)

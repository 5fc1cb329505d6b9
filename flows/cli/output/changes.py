"""Changes as text: what an apply would do, and the outcome of a command that writes, as text or JSON."""

from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from flows.cli.errors import FAILED
from flows.cli.output.console import (
    Output,
    name_fleet_file,
    print_json,
    print_lines,
    print_note,
    show_failure,
    stdout_console,
)
from flows.cli.output.tables import SCREENFUL_MIN, Column, print_table, state_text
from flows.formatting import format_count, format_number
from flows.plan.text import (
    DANGEROUS,
    PlanGroup,
    Verb,
    format_ailing,
    format_keys,
    format_remarks,
    format_summary,
    group_instances,
)

if TYPE_CHECKING:
    from flows.plan.plan import Plan
    from flows.run.journal import FleetOutcome
    from flows.run.waves import RolloutReport


_SIGNS: dict[Verb, str] = {"create": "+", "adopt": ">", "finish": "~", "update": "~", "none": " ", "conflict": "!"}
_KEYS_SHOWN = 12
_AILING_SHOWN = 20


def show_plan(plan: "Plan", console: Console, *, verbose: bool = False) -> None:
    """Print a plan as text.

    Args:
        plan: The plan.
        console: Where to print.
        verbose: Print every instance by itself, and all of their keys.
    """
    print_lines([Text.assemble((plan.fleet, "bold"), (f"  tenant {plan.tenant_id}", "dim"))], console)
    for group in group_instances(plan, unfold=verbose):
        _show_group(group, console)
    _show_ailing(plan, console, verbose=verbose)
    remarks = format_remarks(plan)
    if remarks:
        console.print()
    print_lines(map(name_fleet_file, remarks), console)
    console.print()
    print_lines(format_summary(plan).splitlines(), console)


def _show_group(group: PlanGroup, console: Console) -> None:
    verb = state_text(group.verb)
    verb.plain = f"{_SIGNS[group.verb]} {group.verb if group.verb != 'none' else 'no change'}"
    console.print()
    if len(group.plans) == 1:
        print_lines([Text.assemble(verb, " ", (group.keys[0], "bold"))], console)
    else:
        print_lines([Text.assemble(verb, f" {len(group.plans)} instances")], console)
        print_lines([Text(format_keys(group.keys, _KEYS_SHOWN), "bold")], console, indent=4)
    for line in group.lines:
        text = Text(name_fleet_file(line))
        text.highlight_words([DANGEROUS], "bold red")
        print_lines([text], console, indent=4)


def _show_ailing(plan: "Plan", console: Console, *, verbose: bool) -> None:
    ailing = format_ailing(plan)
    if not ailing:
        return
    console.print()
    console.print("Jobs that need attention:")
    states = {each.key: each.health.state for each in plan.instances}
    for key, condition in ailing if verbose else ailing[:_AILING_SHOWN]:
        text = state_text(states[key])
        text.plain = condition
        print_lines([Text.assemble((key, "bold"), "  ", text)], console, indent=2)
    if len(ailing) > _AILING_SHOWN and not verbose:
        console.print(f"  and {len(ailing) - _AILING_SHOWN} more (--verbose lists them)")


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
        if each.accounts_left:
            print_lines([f"{each.key}: accounts that stay in the target: {', '.join(each.accounts_left)}"], console)
        if each.policies_left:
            print_lines([f"{each.key}: left, as others use it: {', '.join(each.policies_left)}"], console)
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


def _print_instances(outcome: "FleetOutcome", console: Console) -> None:
    """Print the instances that were changed or failed; on a terminal beyond a screenful only those that failed."""
    shown = [each for each in outcome.instances if each.outcome not in {"unchanged", "held"}]
    if console.is_terminal and len(shown) > max(console.height, SCREENFUL_MIN):
        # The summary below counts the others, and the plan above has named them.
        shown = [each for each in shown if each.failure]
    rows = [
        (
            each.key,
            state_text(each.outcome),
            state_text(each.job_state or "-"),
            each.application_id or "-",
            each.service_principal_id or "-",
        )
        for each in shown
    ]
    if rows:
        print_table(_OUTCOME, rows, console)

"""A plan as text: what an apply would do, equal changes of many instances once, and the jobs that need attention."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from flows.cli.output.console import name_fleet_file, print_lines
from flows.cli.output.tables import state_text
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

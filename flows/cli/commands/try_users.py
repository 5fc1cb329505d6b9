"""`entra-fleet try`: provision single users or groups now, and see each step."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.errors import FAILED, BadUsage
from flows.cli.options import (
    DEFAULT_FLEET,
    ChangeOption,
    FleetArgument,
    Output,
    OutputOption,
    StoreOption,
    TenantOption,
    complete_keys,
)
from flows.cli.output.console import print_json, print_note

if TYPE_CHECKING:
    from flows.steps.on_demand import OnDemandResults

OnlyOption = Annotated[
    list[str], typer.Option("--only", metavar="KEY", help="Instance to try; repeatable.", autocompletion=complete_keys)
]
UserOption = Annotated[
    list[str] | None,
    typer.Option("--user", metavar="WHO", help="User: object id, user principal name or display name; repeatable."),
]
GroupOption = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="ID", help="Group with at most 5 members: object id; repeatable."),
]
ExpectOption = Annotated[
    str | None,
    typer.Option(
        metavar="OUTCOME", help="Expected outcome (created, updated, unchanged, skipped …); exit code 1 for any other."
    ),
]


def command(
    only: OnlyOption,
    fleet: FleetArgument = DEFAULT_FLEET,
    user: UserOption = None,
    group: GroupOption = None,
    expect: ExpectOption = None,
    change: ChangeOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Provision users or groups on demand, and show each step.

    This is not a dry run: it creates or updates the accounts.
    """
    from flows.configuration.environment import use_store
    from flows.fleet_file.loader import load_fleet
    from flows.plan.diff import select_instances
    from flows.steps.on_demand import EXPECTATIONS

    if not (user or group):
        raise BadUsage("try needs at least one user or group.", "Use --user or --group.")
    if expect is not None and expect not in EXPECTATIONS:
        raise typer.BadParameter(f"{expect!r} is not one of {', '.join(EXPECTATIONS)}", param_hint="--expect")
    use_store(store)
    desired = load_fleet(fleet)
    # A wrong key is refused before Prefect is loaded.
    select_instances(desired, only)

    from flows.cli.processes.run_flow import run_flow
    from flows.on_demand import provision_on_demand

    parameters = {"only": only, "users": user, "groups": group, "expect": expect, "tenant": tenant, "change": change}
    outcome: OnDemandResults = run_flow(provision_on_demand, {"fleet": desired.to_object(), **parameters})
    _report(outcome, output)
    if outcome.unexpected:
        raise typer.Exit(FAILED)


def _report(outcome: "OnDemandResults", output: Output) -> None:
    from flows.steps.on_demand import format_unexpected

    if output is Output.JSON:
        print_json(outcome.as_json())
    else:
        from flows.cli.output.users import show_on_demand_results

        show_on_demand_results(outcome)
    for trial in outcome.trials:
        if difference := format_unexpected(trial, outcome.expected):
            print_note(difference)

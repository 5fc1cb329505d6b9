"""`entra-fleet jobs`: start, pause and restart provisioning jobs."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.errors import FAILED
from flows.cli.options import (
    DEFAULT_FLEET,
    ChangeOption,
    FleetArgument,
    OnlyOption,
    Output,
    OutputOption,
    StoreOption,
    TenantOption,
    WaitOption,
    YesOption,
    complete_scopes,
    confirm,
    require_terminal,
    wait_parameter,
)
from flows.cli.output.console import show_failure, stderr_console, stdout_console

if TYPE_CHECKING:
    from flows.fleet_file.models import Fleet
    from flows.plan.job_control import JobControl, ResetScope, Verb

app = typer.Typer(no_args_is_help=True, help="Start, pause or restart the provisioning jobs of a fleet.")


@app.command()
def start(
    fleet: FleetArgument = DEFAULT_FLEET,
    only: OnlyOption = None,
    yes: YesOption = False,
    change: ChangeOption = None,
    wait: WaitOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Start jobs, or resume paused ones."""
    _control(fleet, yes, store, output, action="start", only=only, change=change, tenant=tenant, **wait_parameter(wait))


@app.command()
def pause(
    fleet: FleetArgument = DEFAULT_FLEET,
    only: OnlyOption = None,
    yes: YesOption = False,
    change: ChangeOption = None,
    wait: WaitOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Pause jobs; a cycle in progress still finishes."""
    _control(fleet, yes, store, output, action="pause", only=only, change=change, tenant=tenant, **wait_parameter(wait))


@app.command()
def restart(
    fleet: FleetArgument = DEFAULT_FLEET,
    only: OnlyOption = None,
    reset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="Reset scope: QuarantineState (default), Watermark, Escrows, Full …; repeatable.",
            autocompletion=complete_scopes,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Restart paused jobs too, and allow dangerous resets.")
    ] = False,
    yes: YesOption = False,
    change: ChangeOption = None,
    wait: WaitOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Restart jobs: lift quarantines, and reset the given scopes."""
    parameters = {"action": "restart", "only": only, "reset": _scopes(reset), "force": force, "change": change}
    _control(fleet, yes, store, output, tenant=tenant, **parameters, **wait_parameter(wait))


def _control(fleet: Path, yes: bool, store: str | None, output: Output, **parameters: Any) -> None:
    """Ask for confirmation, then run the flow.

    Args:
        fleet: The fleet file.
        yes: Skip the confirmation.
        store: Store URL, overriding the environment.
        output: Text or JSON.
        parameters: The flow's parameters, except the fleet.
    """
    from flows.configuration.environment import use_store
    from flows.fleet_file.loader import load_fleet
    from flows.plan.diff import select_instances
    from flows.plan.job_control import reset_scope

    use_store(store)
    desired = load_fleet(fleet)
    # A wrong key or scope is refused before anyone is asked, and before Prefect is loaded.
    select_instances(desired, parameters["only"])
    reset_scope(parameters.get("reset", ()), force=parameters.get("force", False))
    if not (yes or _confirmed(desired, **parameters)):
        return

    from flows.cli.output.changes import report_outcome
    from flows.cli.processes.run_flow import run_flow
    from flows.control_jobs import control_jobs

    outcome = run_flow(control_jobs, {"fleet": desired.to_object(), **parameters})
    report_outcome(outcome, output)


def _scopes(names: list[str] | None) -> "list[ResetScope]":
    from flows.plan.job_control import ResetScope

    known = {scope.lower(): scope for scope in ResetScope}
    wanted = [name.strip().lower() for text in names or () for name in text.split(",")]
    for name in wanted:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(ResetScope)}", param_hint="--reset")
    return [known[name] for name in wanted]


def _confirmed(
    fleet: "Fleet",
    action: "Verb",
    only: list[str] | None,
    tenant: str | None,
    reset: "Collection[ResetScope]" = (),
    force: bool = False,
    **_: Any,
) -> bool:
    from flows.configuration.sign_in import open_client
    from flows.plan.job_control import plan_job_controls, reset_scope

    scope = reset_scope(reset, force=force)

    async def look() -> "list[JobControl]":
        async with open_client(tenant, fleet.tenant_id) as (graph, _):
            return await plan_job_controls(graph, fleet, action, only, scope, force=force)

    require_terminal(f"jobs {action}")
    with stderr_console().status("reading the tenant"):
        controls = asyncio.run(look())
    _show(controls)
    needed = sum(each.needed for each in controls)
    if not needed:
        stdout_console().print(f"{fleet.fleet}: nothing to {action}.")
        raise typer.Exit(FAILED if any(each.refusal for each in controls) else 0)
    forgetting = f", resetting {scope}" if action == "restart" else ""
    return confirm(f"{action.capitalize()} {needed} of {len(controls)} jobs{forgetting}?")


def _show(controls: "list[JobControl]") -> None:
    from flows.cli.output.tables import Column, print_table, state_text

    rows = [(each.key, state_text(each.state), each.outcome().outcome) for each in controls if each.needed]
    for each in controls:
        if each.refusal and not each.needed:
            show_failure(each.key, each.refusal)
    if rows:
        print_table((Column("key"), Column("state"), Column("would be")), rows, stdout_console())

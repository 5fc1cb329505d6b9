"""`entra-fleet apply`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.commands.plan import PlanFile, PlanOptions, make_plan
from flows.cli.errors import FAILED, BadUsage
from flows.cli.options import (
    DEFAULT_FLEET,
    CanaryLimitOption,
    CanaryOption,
    CanaryOptions,
    CanaryUserOption,
    FleetArgument,
    ForceOption,
    OnlyOption,
    Output,
    OutputOption,
    StoreOption,
    TenantOption,
    WaitOption,
    confirm,
    require_terminal,
    wait_parameter,
)
from flows.cli.output.console import stderr_console, stdout_console

if TYPE_CHECKING:
    from rich.console import Console

    from flows.fleet_file.models import Fleet
    from flows.run.journal import FleetOutcome


def command(
    fleet: FleetArgument = DEFAULT_FLEET,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking for confirmation.")] = False,
    plan_file: Annotated[
        Path | None,
        typer.Option(metavar="PLAN", help="Apply exactly this reviewed plan (from plan --out), without asking."),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Instances processed in parallel.")] = 10,
    only: OnlyOption = None,
    change: Annotated[str | None, typer.Option(metavar="TICKET", help="Ticket to record in the journal.")] = None,
    wait: WaitOption = None,
    save_credentials: Annotated[
        bool, typer.Option(help="Save credentials again even if they are already saved.")
    ] = False,
    force: ForceOption = False,
    canary: CanaryOption = None,
    canary_user: CanaryUserOption = None,
    canary_limit: CanaryLimitOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Apply the fleet file to the tenant."""
    from flows.cli.output.changes import report_outcome
    from flows.configuration.environment import use_store
    from flows.fleet_file.loader import load_fleet, use_fleet
    from flows.plan.diff import select_instances

    use_store(store)
    waves = CanaryOptions(canary, canary_user, canary_limit).parameters()
    options = PlanOptions(only, save_credentials, force)
    reviewed = _reviewed(plan_file, options) if plan_file else None
    options = reviewed.options if reviewed else options
    desired = load_fleet(fleet)
    select_instances(desired, options.only)
    digest = reviewed.digest if reviewed else None
    if not (yes or reviewed):
        digest = _confirmed(
            desired, tenant, options, bool(waves), stdout_console() if output is Output.TEXT else stderr_console()
        )
        if digest is None:
            return

    parameters = {"tenant": tenant, "concurrency": concurrency, "change": change, "plan_digest": digest}
    parameters["compare_credentials"] = reviewed is None
    parameters |= waves | wait_parameter(wait)
    path = str(fleet.resolve())
    with use_fleet(path, desired):
        outcome = _apply({"fleet": path, **parameters, **asdict(options)}, reviewed)
    report_outcome(outcome, output)


def _apply(parameters: dict[str, Any], reviewed: PlanFile | None) -> "FleetOutcome":
    from flows.cli.processes.run_flow import run_flow
    from flows.plan.safety import PlanChanged
    from flows.provision import provision_fleet

    try:
        outcome: FleetOutcome = run_flow(provision_fleet, parameters)
    except PlanChanged as changed:
        raise (reviewed.outdated_by(changed.plan) if reviewed else changed) from None
    return outcome


def _reviewed(path: Path, options: PlanOptions) -> PlanFile:
    if options != PlanOptions():
        # Cause: A plan file has the options that the plan was made with.
        raise BadUsage("The plan file already holds --only, --save-credentials and --force.", "Leave them out.")
    return PlanFile.read(path)


def _confirmed(
    desired: "Fleet", tenant: str | None, options: PlanOptions, in_waves: bool, console: "Console"
) -> str | None:
    """Show the plan and ask; return its digest, or None if there is nothing to apply or the answer is no.

    Raises:
        Exit: Nothing can be applied: every change is in conflict.
    """
    from flows.cli.output.changes import show_plan
    from flows.plan.safety import find_refusal

    require_terminal("apply")
    # The same comparison as with --yes: what is applied does not depend on who confirms.
    plan = make_plan(desired, tenant, options, compare_credentials=True)
    show_plan(plan, console)
    if refusal := find_refusal(plan, force=options.force, in_waves=in_waves):
        raise refusal
    if not any(each.needed for each in plan.instances):
        raise typer.Exit(FAILED if plan.has_conflicts else 0)
    return plan.digest if confirm("Apply in waves?" if in_waves else "Apply?") else None

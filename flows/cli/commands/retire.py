"""`entra-fleet retire`."""

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

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
    WaitOption,
    YesOption,
    complete_keys,
    confirm,
    require_terminal,
    wait_parameter,
)
from flows.cli.output.console import print_lines, print_note, show_failure, stderr_console, stdout_console

if TYPE_CHECKING:
    from flows.fleet_file.models import Fleet
    from flows.plan.retirement import Retirement


def command(
    only: Annotated[
        list[str],
        typer.Option("--only", metavar="KEY", help="Instance to retire; repeatable.", autocompletion=complete_keys),
    ],
    fleet: FleetArgument = DEFAULT_FLEET,
    application_id: Annotated[
        str | None,
        typer.Option(
            "--application-id",
            metavar="ID",
            help="Object id of the application to retire, where two have the same tag.",
        ),
    ] = None,
    purge: Annotated[bool, typer.Option("--purge", help="Also delete it from the recycle bin, permanently.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Override the limit on how much of the fleet one run may retire, and leave accounts in a target "
            "tenant that no longer lets them be deleted.",
        ),
    ] = False,
    policies: Annotated[
        bool, typer.Option("--policies", help="Withdraw the cross-tenant access that was given for it, on both sides.")
    ] = False,
    yes: YesOption = False,
    change: ChangeOption = None,
    wait: WaitOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Pause and delete the jobs of instances, and move their applications to the recycle bin."""
    from flows.configuration.environment import use_store
    from flows.fleet_file.loader import load_fleet

    use_store(store)
    desired = load_fleet(fleet)
    if application_id and len(set(only)) > 1:
        raise BadUsage(
            "--application-id names one application, but --only names several instances.", "Give one --only."
        )
    look = {"application_id": application_id, "purge": purge, "force": force, "policies": policies}
    if not (yes or _confirmed(desired, only, tenant, look)):
        return

    from flows.cli.output.changes import report_outcome
    from flows.cli.processes.run_flow import run_flow
    from flows.retire import retire_instances

    parameters = {"only": only, "tenant": tenant, **look, "change": change, **wait_parameter(wait)}
    outcome = run_flow(retire_instances, {"fleet": desired.to_object(), **parameters})
    # With an id one of two applications of a key was retired; the other stays.
    if not application_id:
        _warn_of_return(desired, [each.key for each in outcome.instances if not each.failure])
    report_outcome(outcome, output)


def _confirmed(fleet: "Fleet", only: list[str], tenant: str | None, look: dict[str, Any]) -> bool:
    from flows.configuration.environment import environment
    from flows.configuration.sign_in import open_client
    from flows.plan.retirement import plan_retirements
    from flows.store import existing_store

    async def found() -> "list[Retirement]":
        async with open_client(tenant, fleet.tenant_id) as (graph, _):
            with existing_store(environment().store_url) or nullcontext() as known:
                return await plan_retirements(graph, fleet, only, store=known, **look)

    require_terminal("retire")
    with stderr_console().status("reading the tenant"):
        plans = asyncio.run(found())
    for each in plans:
        _show(each)
    live, purged = sum(each.needed and each.live for each in plans), sum(each.needed and each.purge for each in plans)
    withdrawn = sum(each.needed and each.withdrawal is not None for each in plans)
    if not live and not purged and not withdrawn:
        stdout_console().print(f"{fleet.fleet}: nothing to retire.")
        raise typer.Exit(FAILED if any(each.refusal for each in plans) else 0)
    question = f"Retire {live} of fleet {fleet.fleet}? Applications stay in the recycle bin for 30 days."
    if live and not confirm(question):
        return False
    if withdrawn and not confirm(f"Withdraw the cross-tenant access of {withdrawn}?"):
        return False
    return not purged or confirm(f"Permanently delete {purged}? This cannot be undone.")


def _show(plan: "Retirement") -> None:
    if plan.refusal:
        show_failure(plan.key, plan.refusal)
    elif not (plan.live or plan.purge):
        print_lines([f"{plan.key}: not in the tenant."], stdout_console())
        print_lines(_access_lines(plan), stdout_console(), indent=2)
    else:
        jobs = ", ".join(f"job {job.job_id} ({job.state})" for job in plan.jobs) or "no job"
        what = f"{plan.key}: {plan.display_name}{'' if plan.live else ', in the recycle bin'}\n"
        ids = f"application {plan.application_id}, service principal {plan.service_principal_id}"
        text = f"{what}  {ids}\n" + (f"  {jobs}, {len(plan.assigned)} assignments" if plan.live else "")
        print_lines([text], stdout_console())
        print_lines([*_deprovisioning_lines(plan), *_access_lines(plan)], stdout_console(), indent=2)


def _deprovisioning_lines(plan: "Retirement") -> list[str]:
    """Return what a target tenant loses before the job is deleted, or keeps after it."""
    from flows.plan.deprovisioning import format_names

    first = plan.deprovisioning
    if first is None:
        return []
    accounts = format_names(first.present, first.count)
    if first.is_blocked:
        return [f"leaves {accounts} in tenant {first.target_tenant_id}"]
    if not first.needed:
        return [f"no accounts in tenant {first.target_tenant_id}"]
    changed = [f"{each.field}: {each.before} -> {each.after}" for each in first.changes]
    removes = f"first removes {len(first.assigned)} assignments"
    return [f"{removes} and deletes {accounts} in tenant {first.target_tenant_id}", *changed]


def _access_lines(plan: "Retirement") -> list[str]:
    """Return what happens to the access that was given in the policies of two tenants."""
    from flows.plan.withdrawal import name_field

    given = ", ".join(map(name_field, plan.given))
    if not given:
        return []
    return [f"then withdraws {given}" if plan.withdrawal else f"leaves {given}; --policies withdraws that"]


def _warn_of_return(fleet: "Fleet", retired: list[str]) -> None:
    """Warn about keys that the next apply would create again."""
    keys = [instance.key for instance in fleet.instances if instance.key in retired]
    if keys:
        text = f"Still in the fleet file: {', '.join(keys)}.\nRemove it there, or the next apply creates it again."
        print_note(text)

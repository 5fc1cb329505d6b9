"""rotate-credentials and rotate-certificates: new secrets, and signing certificates in guarded stages."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.configuration.environment import environment
from flows.errors import StepFailed
from flows.fleet_file.loader import FleetParameter
from flows.fleet_file.models import Fleet
from flows.plan.certificates import (
    DONE,
    STAGES,
    CertificateChange,
    Stage,
    plan_certificate_changes,
    plan_handing_over,
    split_into_certificate_waves,
)
from flows.plan.outcome import ApplicationIds, InstanceOutcome, StagedCertificate, TokenExpiry
from flows.plan.plan import InstancePlan
from flows.run import journal
from flows.run.artifacts import publish_outcome
from flows.run.context import name_run, run_context
from flows.run.events import emit_staged_events
from flows.run.journal import open_fleet_run
from flows.run.lease import WAIT_MINUTES, WaitMinutes, exclusive
from flows.run.task_runner import LoopTaskRunner, leave_place
from flows.steps import certificates
from flows.steps.certificates import hook_variables, run_hook
from flows.steps.cross_tenant import explain_closed_target
from flows.tasks.mapped import final_state, instance_task, log, map_instances, redacted_task, step
from flows.tasks.provision import plan_rotation, read_token_expiry, save_credentials, validate_credentials

_AT_ONCE = 10
_OUTCOMES = ("rotated", "failed")


@flow(
    name="rotate-credentials",
    flow_run_name=name_run("rotate"),
    task_runner=LoopTaskRunner(),  # type: ignore[arg-type]  # Prefect declares runners invariant in their future
    persist_result=False,
    retries=0,
)
async def rotate_credentials(
    fleet: FleetParameter,
    only: Annotated[list[str], Field(min_length=1)],
    tenant: str | None = None,
    change: Annotated[str | None, Field(max_length=200)] = None,
    wait_minutes: WaitMinutes = WAIT_MINUTES,
) -> State:
    """Validate the credentials referenced in the fleet file, and save those that work.

    Args:
        fleet: Path or content of the fleet file.
        only: Keys of the instances with new credentials.
        tenant: EntraTenant block to sign in with; empty to use the environment.
        change: Ticket to record in the journal.
        wait_minutes: How long to wait for another run that is changing this fleet.
    """
    async with open_fleet_run(fleet, tenant) as run, exclusive(run.fleet, "rotate", wait_minutes):
        plan = await plan_rotation(run.fleet, only)
        async with journal.open_journal(run.fleet, plan, change, "rotate") as entry:
            instances = await map_instances(
                rotate_instance, plan.instances, entry.run_id, phase="rotate", width=_AT_ONCE
            )
            entry.outcome = outcome = run.outcome(instances, _OUTCOMES)
        await publish_outcome(outcome, "rotation")
    return final_state(outcome)


@instance_task("rotate-instance")
async def rotate_instance(plan: InstancePlan, outcome: InstanceOutcome, _run_id: str) -> None:
    """Save the credentials of one instance if the target system accepts them."""
    placed = ApplicationIds(plan.application_id or "", plan.service_principal_id or "")
    # An existing job is validated by its id, so no synchronization template is needed.
    refusal, wanted = await validate_credentials(plan, placed, ""), plan.instance.cross_tenant
    if refusal and wanted:
        raise explain_closed_target(plan.key, wanted, refusal)
    # Before saving, which replaces what is known of the old token.
    before = await read_token_expiry(placed.service_principal_id)
    await save_credentials(plan, placed, with_settings=False)
    after = await read_token_expiry(placed.service_principal_id)
    outcome.outcome = "rotated"
    outcome.token_expiry = TokenExpiry(before, after) if before or after else None


@redacted_task("plan-certificates")
async def plan_certificates(
    fleet: Fleet, stage: Stage, only: Collection[str] | None, force: bool, by_hook: bool
) -> list[CertificateChange]:
    """Look at the certificates of the fleet, and say which are to be touched."""
    changes = await plan_certificate_changes(run_context().graph, fleet, stage, only, force=force)
    if by_hook and stage == "activate":
        store = run_context().store
        activated = await asyncio.to_thread(store.journal.activated_certificates, fleet.tenant_id, fleet.fleet)
        changes = [plan_handing_over(each, activated) for each in changes]
    log().info("%s: %s %d of %d", fleet.fleet, stage, sum(each.needed for each in changes), len(changes))
    return changes


@step("add-certificate")
async def add_certificate(plan: CertificateChange) -> StagedCertificate:
    """Stage 1: add the next certificate, inactive."""
    log().info("%s: adding a signing certificate until %s", plan.key, plan.ends_at)
    return plan.staged(await certificates.add_certificate(run_context().graph, plan))


@step("run-hook")
async def hand_over(plan: CertificateChange) -> None:
    """Have the hook hand the certificate to the service provider."""
    if plan.target is None:
        return
    log().info("%s: handing %s over", plan.key, plan.target.thumbprint)
    own = environment()
    command = own.require("ENTRA_FLEET_CERTIFICATE_HOOK", "the command that hands a staged certificate over")
    # What signs in to the tenant is none of the hook's business.
    inherited = {name: value for name, value in own.variables.items() if not own.is_own(name)}
    await run_hook(command, hook_variables(plan, plan.staged(plan.target)), inherited)


@step("activate-certificate")
async def activate_certificate(plan: CertificateChange) -> None:
    """Stage 2: have the staged certificate sign."""
    if plan.target is None or plan.target.active:
        return
    log().info("%s: activating %s", plan.key, plan.target.thumbprint)
    await certificates.activate_certificate(run_context().graph, plan.service_principal_id, plan.target.thumbprint)


@step("remove-certificates")
async def remove_certificates(plan: CertificateChange) -> None:
    """Stage 3: remove expired certificates."""
    log().info("%s: removing %s", plan.key, ", ".join(each.thumbprint for each in plan.removed))
    # Most of it is the minute in which the reads have to agree.
    async with leave_place():
        await certificates.remove_expired(run_context().graph, plan)


@instance_task("renew-certificate")
async def renew_certificate(plan: CertificateChange, outcome: InstanceOutcome, _run_id: str) -> None:
    """Add the next certificate of one instance."""
    outcome.staged_certificate = await add_certificate(plan)


@instance_task("activate-certificate")
async def hand_over_and_activate(plan: CertificateChange, outcome: InstanceOutcome, _run_id: str) -> None:
    """Hand the staged certificate of one instance over, unless that was done, then activate it."""
    if plan.by_hook:
        await hand_over(plan)
    await activate_certificate(plan)
    outcome.staged_certificate = None


@instance_task("clean-certificates")
async def clean_certificates(plan: CertificateChange, _outcome: InstanceOutcome, _run_id: str) -> None:
    """Remove the expired certificates of one instance."""
    await remove_certificates(plan)


WIDTH = 10
OUTCOMES = (*DONE.values(), "held", "unchanged", "failed")


@flow(
    name="rotate-certificates",
    flow_run_name=name_run("certificates"),
    task_runner=LoopTaskRunner(),  # type: ignore[arg-type]  # Prefect declares runners invariant in their future
    persist_result=False,
    retries=0,
)
async def rotate_certificates(
    fleet: FleetParameter,
    stages: list[Literal["renew", "activate", "clean"]] | None = None,
    tenant: str | None = None,
    only: list[str] | None = None,
    acknowledged: bool = False,
    force: bool = False,
    canary: Annotated[int, Field(ge=1)] = 1,
    change: Annotated[str | None, Field(max_length=200)] = None,
    wait_minutes: WaitMinutes = WAIT_MINUTES,
) -> State:
    """Rotate the signing certificates of a fleet; one failure stops no other, but holds what would be activated next.

    Args:
        fleet: Path or content of the fleet file.
        stages: renew adds the next certificates, activate has them sign, clean removes expired ones; empty for all.
        tenant: EntraTenant block to sign in with; empty to use the environment.
        only: Keys of the instances; empty for all.
        acknowledged: The service provider knows the staged certificates; otherwise only what the hook hands over
            is activated.
        force: Add the next certificates although those in use are valid for long.
        canary: How many instances to activate first; a failure holds the others.
        change: Ticket to record in the journal.
        wait_minutes: How long to wait for another run that is changing this fleet.
    """
    wanted = [each for each in STAGES if not stages or each in stages]
    hook = None if acknowledged else environment().certificate_hook
    if "activate" in wanted and not (acknowledged or hook):
        if stages:
            raise unacknowledged()
        # Whoever listens to the event hands them over, and activates them with a run of its own.
        wanted.remove("activate")
    outcomes: dict[str, InstanceOutcome] = {}
    async with open_fleet_run(fleet, tenant) as run, exclusive(run.fleet, "certificates", wait_minutes):
        for stage in wanted:
            changes = await plan_certificates(run.fleet, stage, only, force, by_hook=bool(hook))
            async with journal.open_journal(run.fleet, None, change, f"certificates-{stage}") as entry:
                done = await _carry_out(run.fleet, stage, changes, entry.run_id, canary)
                entry.outcome = run.outcome(done, OUTCOMES)
            merge_outcomes(outcomes, done)
        outcome = run.outcome(list(outcomes.values()), OUTCOMES)
        await publish_outcome(outcome, "certificates")
    return final_state(outcome)


def unacknowledged() -> StepFailed:
    """Return the refusal to activate what the service provider may not know."""
    return StepFailed(
        "NotAcknowledged",
        "A certificate is activated only once the service provider knows it: otherwise no user can sign in.",
        "Hand it over, then add --acknowledged; or set ENTRA_FLEET_CERTIFICATE_HOOK to a command that hands it over.",
        step="activate-certificate",
    )


async def _carry_out(
    fleet: Fleet, stage: Stage, changes: list[CertificateChange], run_id: str, canary: int
) -> list[InstanceOutcome]:
    if stage == "activate":
        return await _activate_in_waves(changes, run_id, canary)
    work = renew_certificate if stage == "renew" else clean_certificates
    done = await map_instances(work, changes, run_id, phase=stage, width=WIDTH)
    if stage == "renew":
        await emit_staged_events(run_context().tenant_id, fleet.fleet, done)
    return done


async def _activate_in_waves(changes: list[CertificateChange], run_id: str, canary: int) -> list[InstanceOutcome]:
    """Activate a few, then a tenth, then the rest; a wave with a failure holds those after it."""
    outcomes = {each.key: each.outcome() for each in changes}
    held = False
    for wave in split_into_certificate_waves(changes, canary):
        if held:
            for each in wave:
                outcomes[each.key].outcome = "held"
            continue
        done = await map_instances(hand_over_and_activate, wave, run_id, phase="activate", width=WIDTH)
        outcomes |= {each.key: each for each in done}
        held = any(each.failure for each in done)  # the next wave waits for a person
    return list(outcomes.values())


def merge_outcomes(outcomes: dict[str, InstanceOutcome], later: Sequence[InstanceOutcome]) -> None:
    """Add the outcomes of a stage to those of the stages before it; a failure stays, and so does what was done."""
    for each in later:
        before = outcomes.get(each.key)
        if before is None or (before.failure is None and each.outcome != "unchanged"):
            outcomes[each.key] = each

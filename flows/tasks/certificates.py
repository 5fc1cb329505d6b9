"""The tasks that rotate signing certificates: a log line and one call each."""

import asyncio
from collections.abc import Collection

from flows.configuration.environment import environment
from flows.fleet_file.models import Fleet
from flows.plan.certificates import CertificateChange, Stage, plan_certificate_changes, plan_handing_over
from flows.plan.outcome import InstanceOutcome, StagedCertificate
from flows.run.context import run_context
from flows.run.places import leave_place
from flows.steps import certificates
from flows.steps.certificate_hook import hook_variables, run_hook
from flows.tasks.mapped import instance_task, log, redacted_task, step


@redacted_task("plan-certificates")
async def plan_certificates(
    fleet: Fleet, stage: Stage, only: Collection[str] | None, force: bool, by_hook: bool
) -> list[CertificateChange]:
    """Look at the certificates of the fleet, and say which are to be touched."""
    changes = await plan_certificate_changes(run_context().graph, fleet, stage, only, force=force)
    if by_hook and stage == "activate":
        journal = run_context().store.journal
        activated = await asyncio.to_thread(journal.activated_certificates, fleet.tenant_id, fleet.fleet)
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
    """Have the hook hand the certificate to the other side."""
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
    """Hand the staged certificate of one instance over, unless somebody has, then activate it."""
    if plan.by_hook:
        await hand_over(plan)
    await activate_certificate(plan)
    outcome.staged_certificate = None


@instance_task("clean-certificates")
async def clean_certificates(plan: CertificateChange, _outcome: InstanceOutcome, _run_id: str) -> None:
    """Remove the expired certificates of one instance."""
    await remove_certificates(plan)

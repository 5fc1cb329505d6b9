"""The tasks a provisioning run consists of: a log line and one call each."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from flows.credentials.fingerprint import NO_KEY
from flows.credentials.references import Secret
from flows.credentials.token_life import read_expiry
from flows.errors import StepFailed
from flows.fleet_file.cross_tenant import CrossTenant
from flows.fleet_file.models import Fleet
from flows.plan.credential_changes import build_rotation_plan, compare_credentials, fingerprint_credentials
from flows.plan.diff import diff_fleet, select_instances
from flows.plan.job_settings import check_size
from flows.plan.known_state import build_looks, load_known_state
from flows.plan.outcome import ApplicationIds
from flows.plan.plan import SHARED_CLAIMS, InstancePlan, Plan
from flows.plan.schema_changes import estimate_scopes
from flows.plan.text import format_changes
from flows.run.context import run_context
from flows.run.task_runner import leave_place
from flows.steps import (
    application,
    assignments,
    claims,
    credentials,
    cross_tenant,
    job,
    readiness,
    schema,
    single_sign_on,
)
from flows.steps.credentials import Start
from flows.steps.cross_tenant import PolicyWriter
from flows.steps.readiness import ReadyApplication
from flows.store import Measurement
from flows.store.given_access import Side
from flows.tasks.mapped import log, redacted_task, step
from flows.tasks.schema import note_saved, read_applied, snapshot_before_write
from flows.tenant.observe import observe_fleet
from graph_client import GraphClient
from graph_client.errors import GraphError
from graph_client.parallel import gather


async def compare_fingerprints(plan: Plan) -> Plan:
    """Return the plan that also saves credentials which have changed since they were saved.

    Raises:
        StoreError: The store cannot be read.
    """
    run = run_context()
    if run.fingerprint_key is None:
        return plan
    kept = await asyncio.to_thread(run.store.fingerprints.of_tenant, run.tenant_id)
    return await compare_credentials(plan, kept, run.fingerprint_key, run.sources.by_scheme)


async def store_fingerprints(plan: InstancePlan, service_principal_id: str, saved: Mapping[str, Secret]) -> None:
    """Write down the fingerprints of what was just saved, and when tokens among it end.

    Raises:
        StoreError: The store cannot be written.
    """
    run = run_context()
    if run.fingerprint_key is None:
        return
    fingerprints = fingerprint_credentials(plan, run.tenant_id, service_principal_id, run.fingerprint_key, saved)
    ends = {key: read_expiry(saved[key].value.get_secret_value()) for key in fingerprints}
    # Of the value while it passes through: it is never stored, and cannot be read back.
    expiries = {key: end for key, end in ends.items() if end}
    await asyncio.to_thread(run.store.fingerprints.keep, run.tenant_id, service_principal_id, fingerprints, expiries)


async def read_token_expiry(service_principal_id: str) -> datetime | None:
    """Return when the first saved token of an application ends, as far as tokens say so.

    Raises:
        StoreError: The store cannot be read.
    """
    run = run_context()
    expiries = await asyncio.to_thread(run.store.fingerprints.expiries, run.tenant_id)
    return expiries.get(service_principal_id.lower())


@redacted_task("plan-fleet")
async def plan_fleet(fleet: Fleet, only: Collection[str] | None, save_all: bool, force: bool) -> Plan:
    """Look at the tenant and say what has to change."""
    keys = {key for each in select_instances(fleet, only) for key in each.own_keys} if only else None
    observed, memory = await gather(
        observe_fleet(run_context().graph, fleet, keys, run_context().targets),
        asyncio.to_thread(load_known_state, run_context().store, fleet),
    )
    run_context().schemas.learn(observed.languages)
    now = run_context().graph.now()
    plan = diff_fleet(fleet, observed, memory=memory, only=only, save_all=save_all, force=force, now=now)
    plan = await estimate_scopes(run_context().graph, plan)
    if not save_all:
        await asyncio.to_thread(run_context().store.drift.record_all, build_looks(plan, now))
    # Of a part of the fleet it would be another number under the same name.
    if only is None:
        drift = sum(each.needed or each.conflict is not None for each in plan.instances)
        measured = Measurement(tenant_id=fleet.tenant_id, fleet=fleet.fleet, name="drift", value=drift, measured_at=now)
        await asyncio.to_thread(run_context().store.measurements.put, [measured])
    log().info("plan of %s: %s", fleet.fleet, format_changes(plan))
    return plan


@redacted_task("plan-shard")
async def plan_shard(part: Fleet, save_all: bool, force: bool) -> Plan:
    """Look at a part of a fleet, and at no more of the tenant than that takes."""
    keys = {key for each in part.instances for key in each.own_keys}
    observed, memory = await gather(
        observe_fleet(run_context().graph, part, keys, run_context().targets),
        asyncio.to_thread(load_known_state, run_context().store, part),
    )
    run_context().schemas.learn(observed.languages)
    plan = diff_fleet(part, observed, memory=memory, save_all=save_all, force=force, now=run_context().graph.now())
    log().info("plan of %d instances of %s: %s", len(part.instances), part.fleet, format_changes(plan))
    return plan


@redacted_task("compare-credentials")
async def find_changed_credentials(plan: Plan) -> Plan:
    """Find the credentials that have changed since they were saved: one task for all, and no write."""
    if run_context().fingerprint_key is None:
        log().warning(NO_KEY)
    found = await compare_fingerprints(plan)
    log().info("plan of %s with its credentials compared: %s", plan.fleet, format_changes(found))
    return found


@redacted_task("plan-rotation")
async def plan_rotation(fleet: Fleet, only: Collection[str]) -> Plan:
    """Look at the instances whose credentials are new."""
    keys = {key for each in select_instances(fleet, only) for key in (each.key, each.renamed_from) if key}
    return build_rotation_plan(fleet, await observe_fleet(run_context().graph, fleet, keys), only)


@step("check-references")
async def check_references(plan: InstancePlan) -> None:
    """Make sure that every credential can be read, before anything is made that would wait for it."""
    await _resolved(plan)


async def _resolved(plan: InstancePlan) -> dict[str, Secret]:
    values = await credentials.resolve_credentials(plan, run_context().sources.by_scheme)
    check_size(plan.instance, values, run_context().graph.settings.credential_bytes_max)
    return values


@step("create-application")
async def create_application(plan: InstancePlan) -> ApplicationIds:
    """Step 1: create the gallery application."""
    log().info("%s: creating the application from template %s", plan.key, plan.template_id)
    return await application.create_application(run_context().graph, plan)


@step("locate-application")
async def locate_application(plan: InstancePlan) -> ApplicationIds:
    """Step 1, where the application is there already."""
    return await application.find_application(run_context().graph, plan)


@step("wait-until-ready")
async def wait_until_ready(plan: InstancePlan, placed: ApplicationIds) -> ReadyApplication:
    """Wait for replication, and learn how long the search lags and which synchronization template to use."""
    async with leave_place():
        return await readiness.wait_until_ready(run_context().graph, plan, placed)


@step("mark-application")
async def mark_application(plan: InstancePlan, placed: ApplicationIds, ready: ReadyApplication | None) -> None:
    """Give the application its display name and our mark."""
    log().info("%s: naming application %s", plan.key, placed.application_id)
    await application.name_and_tag(run_context().graph, plan, placed, ready)


@step("configure-target")
async def configure_target(plan: InstancePlan, wanted: CrossTenant) -> None:
    """Have the target tenant allow what the file names."""
    log().info("%s: configuring target tenant %s", plan.key, wanted.tenant_id)
    try:
        target = await run_context().targets.open_tenant(wanted.sign_in or "", wanted.tenant_id)
        cross_tenant.check_permissions(plan, wanted, target.claims)
        await cross_tenant.prepare_target(_policy_writer(target.graph, "target", plan, wanted), plan, wanted)
    except GraphError as error:
        failure = StepFailed.of("configure-target", error)
        # Without `denied`: what one target refuses says nothing about the others, nor about the source.
        raise StepFailed(
            failure.code,
            f"In tenant {wanted.tenant_id}, the target of {plan.key}: {failure.message}",
            failure.hint,
            request_id=failure.request_id,
        ) from None


@step("configure-source")
async def configure_source(plan: InstancePlan, wanted: CrossTenant) -> None:
    """Have the source tenant do its half."""
    log().info("%s: configuring the source for target tenant %s", plan.key, wanted.tenant_id)
    await cross_tenant.prepare_source(_policy_writer(run_context().graph, "source", plan, wanted), wanted)


def _policy_writer(graph: GraphClient, side: Side, plan: InstancePlan, wanted: CrossTenant) -> PolicyWriter:
    run = run_context()
    return PolicyWriter(graph, side, run.store, plan.fleet, plan.key, run.tenant_id, wanted.tenant_id)


@step("validate-credentials")
async def validate_credentials(plan: InstancePlan, placed: ApplicationIds, template_id: str) -> str | None:
    """Step 3, first half: test the connection to the target system.

    Returns:
        Why it does not work yet, of a target tenant whose administrators have not done their half; otherwise None.
    """
    values = await _resolved(plan)
    log().info("%s: validating %s", plan.key, ", ".join(values))
    graph, principal_id, wanted = run_context().graph, placed.service_principal_id, plan.instance.cross_tenant
    if wanted is None:
        await credentials.validate_credentials(graph, plan, principal_id, template_id, values)
    else:
        # Policies replicate for minutes, which others need not wait for.
        async with leave_place():
            refusal = await cross_tenant.validate_target(graph, plan, wanted, principal_id, template_id, values)
        if refusal:
            return refusal
    run_context().validated[plan.key] = values
    return None


@step("create-job")
async def create_job(plan: InstancePlan, placed: ApplicationIds, template_id: str) -> str:
    """Step 2: create the provisioning job, once it is certain that no other run made this instance too."""
    log().info("%s: creating the job from template %s", plan.key, template_id)
    return await job.create_job(run_context().graph, plan, placed, template_id)


@step("save-credentials")
async def save_credentials(plan: InstancePlan, placed: ApplicationIds, *, with_settings: bool = True) -> bool:
    """Step 3, second half: save the very values that were validated, and the settings.

    Returns:
        Whether the credentials in the tenant are now the very ones that were validated.
    """
    values = run_context().validated.get(plan.key, {})
    log().info("%s: saving %s", plan.key, ", ".join(values) or "settings")
    graph, principal_id = run_context().graph, placed.service_principal_id
    validated = await credentials.save_credentials(graph, plan, principal_id, values, with_settings=with_settings)
    await store_fingerprints(plan, principal_id, values)
    run_context().validated.pop(plan.key, None)
    return validated


@step("save-schema")
async def save_schema(plan: InstancePlan, placed: ApplicationIds, job_id: str, template_id: str, run_id: str) -> bool:
    """Make mappings and scoping filters what the file says; tell whether that took a write."""
    run, principal_id, wanted = run_context(), placed.service_principal_id, plan.instance.mappings
    if wanted is None:
        return False
    ids = (plan.template_id, template_id)
    language = await run.schemas.language(run.graph, ids, principal_id, job_id)
    written = await schema.save_schema(
        run.graph,
        plan,
        wanted,
        principal_id,
        job_id,
        applied=await read_applied(principal_id, job_id),
        language=language,
        sources=run.schemas.sources,
        keep=snapshot_before_write(plan, principal_id, job_id, run_id, "apply"),
    )
    await note_saved(plan, principal_id, job_id)
    log().info("%s: %s", plan.key, "mappings saved; an initial cycle begins" if written else "mappings are as wanted")
    return written


@step("configure-sign-on")
async def configure_sign_on(plan: InstancePlan, placed: ApplicationIds) -> None:
    """Set up single sign-on by SAML."""
    log().info("%s: configuring single sign-on", plan.key)
    run = run_context()
    await single_sign_on.configure_sign_on(run.graph, plan, placed)
    if plan.touches_field("sso.claims", *SHARED_CLAIMS):
        await claims.configure_claims(run.graph, run.claims_policies, plan, placed)


async def prepare_claims(plans: Iterable[InstancePlan]) -> None:
    """Create or change the claims policies of a plan before shards divide it: each shard would create its own."""
    run = run_context()
    named = [(each.instance.sso.claims, each) for each in plans if each.instance.sso]
    # One plan stands for all who name a policy.
    first = {policy.name: (policy, each) for policy, each in named if policy and each.touches_field(*SHARED_CLAIMS)}
    for policy, plan in first.values():
        try:
            await run.claims_policies.prepare(run.graph, plan, policy)
        except GraphError as error:
            # The instances that name it will fail of it, and no others.
            log().warning("The claims policy %s is not ready: %s", policy.name, error)


@step("add-owners")
async def add_owners(plan: InstancePlan, placed: ApplicationIds) -> None:
    """Make people owners of the application."""
    log().info("%s: adding owners %s", plan.key, ", ".join(plan.instance.owners))
    await assignments.add_owners(run_context().graph, plan, placed.application_id)


@step("assign-principals")
async def assign_principals(plan: InstancePlan, placed: ApplicationIds) -> tuple[str, ...]:
    """Assign the users and groups that the job is to provision; return the assignments that have to wait."""
    log().info("%s: assigning %s", plan.key, assignments.describe_assignment(plan))
    return await assignments.assign_principals(run_context().graph, plan, placed.service_principal_id)


@step("start-job")
async def start_job(
    plan: InstancePlan, placed: ApplicationIds, job_id: str, validated: bool, look_again_at: float | None
) -> str:
    """Step 4: start the provisioning job; return its state."""
    if look_again_at is not None:
        async with leave_place():
            await application.ensure_still_sole(run_context().graph, plan, placed, look_again_at)
    log().info("%s: starting job %s", plan.key, job_id)
    start = Start(
        plan.key,
        placed.service_principal_id,
        job_id,
        validated,
        has_run=plan.health.has_run,
        in_file=bool(plan.instance.credentials),
        validation="validate-saved-credentials",
    )
    return await job.start_job(run_context().graph, start)


@step("pause-job")
async def pause_job(plan: InstancePlan, placed: ApplicationIds, job_id: str) -> str:
    """Pause the provisioning job; return its state."""
    log().info("%s: pausing job %s", plan.key, job_id)
    return await job.pause_job(run_context().graph, placed.service_principal_id, job_id)

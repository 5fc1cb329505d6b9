"""Validating and saving the credentials of an instance."""

from collections.abc import Mapping
from dataclasses import dataclass

from flows.credentials.references import Secret, Source, resolve
from flows.errors import StepFailed
from flows.plan.job_settings import MASK, SETTINGS, build_job_settings, reveal_values
from flows.plan.plan import InstancePlan
from graph_client import GraphClient
from graph_client.errors import BadRequest

# Documented for every cloud once, now only for Azure Government, so elsewhere it only explains a refusal:
# https://learn.microsoft.com/azure/active-directory/manage-apps/application-provisioning-config-problem-storage-limit
_BYTES_ONCE_DOCUMENTED = 1024


@dataclass(frozen=True)
class Start:
    """A job to be started, and what is known about the credentials in the tenant."""

    key: str
    service_principal_id: str
    job_id: str
    validated: bool = False
    """Whether this run has validated and saved the credentials in the tenant."""
    has_run: bool = False
    """Whether the job has ever started a cycle."""
    in_file: bool = True
    """Whether the fleet file names credentials."""
    validation: str = ""
    """The step that fails if they do not work; the start itself if empty."""


async def resolve_credentials(plan: InstancePlan, sources: Mapping[str, Source]) -> dict[str, Secret]:
    """Fetch the value behind every reference of the instance.

    Raises:
        ReferenceUnresolved: One cannot be resolved; the text names it, never a value.
    """
    return {
        key: await resolve(value, sources, instance=plan.key, key=key)
        for key, value in plan.instance.credentials.items()
    }


async def validate_credentials(
    graph: GraphClient,
    plan: InstancePlan,
    service_principal_id: str,
    template_id: str,
    credentials: Mapping[str, Secret],
) -> None:
    """Have the provisioning service test the credentials against the target system before anything is saved.

    Raises:
        StepFailed: The target system rejected them or did not answer, which Graph does not distinguish; the text is
            what Graph quotes.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-validatecredentials
    """
    try:
        await send_validation(graph, plan, service_principal_id, template_id, credentials)
    except BadRequest as error:
        raise StepFailed(
            error.code or "CredentialsRejected",
            f"The target system rejected the credentials of {plan.key} or could not be reached: {error.message}",
            "Nothing was saved, and the job keeps its current credentials. Correct the new ones, then try again."
            if plan.job_id
            else "Nothing was saved and the job was not started. Correct the credentials, then apply again.",
            request_id=error.request_id,
        ) from None


async def send_validation(
    graph: GraphClient,
    plan: InstancePlan,
    service_principal_id: str,
    template_id: str,
    credentials: Mapping[str, Secret],
) -> None:
    """Have the provisioning service test the credentials, before or after there is a job.

    Raises:
        BadRequest: The target system rejected them or did not answer.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-validatecredentials
    """
    values = reveal_values(credentials)
    # Both bindings are documented; before there is a job only the one by template works.
    if plan.job_id:
        await graph.synchronization.validate_credentials(service_principal_id, values, job_id=plan.job_id)
    else:
        await graph.synchronization.validate_credentials(service_principal_id, values, template_id=template_id)


async def validate_saved(graph: GraphClient, start: Start) -> None:
    """Have the provisioning service test the credentials in the tenant; masked keys prove nothing.

    Raises:
        StepFailed: There are none, or the target system rejected them; the text is its answer.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-validatecredentials
    """
    what = f"The credentials saved for {start.key} do not work"
    hint = "Correct them, then run: entra-fleet apply --save-credentials."
    if not start.in_file:
        what = f"The fleet file names no credentials for {start.key}, and those in the tenant do not work"
        hint = "Add them under credentials, or authorize the application in the portal."
    try:
        await graph.synchronization.validate_saved_credentials(start.service_principal_id, start.job_id)
    except BadRequest as error:
        raise StepFailed(
            error.code or "CredentialsRejected",
            f"{what}: {error.message}",
            f"The job was not started. {hint}",
            request_id=error.request_id,
            step=start.validation,
        ) from None


async def save_credentials(
    graph: GraphClient,
    plan: InstancePlan,
    service_principal_id: str,
    credentials: Mapping[str, Secret],
    *,
    with_settings: bool = True,
) -> bool:
    """Save the whole set of credentials and settings, keeping other values in the tenant.

    Args:
        graph: A signed-in client.
        plan: The instance.
        service_principal_id: Object id of the service principal.
        credentials: The values that were validated.
        with_settings: Also save the settings of the fleet file, which Graph keeps in the same set.

    Returns:
        Whether the credentials in the tenant are now exactly those that were validated.

    Raises:
        StepFailed: The tenant holds a sensitive value that the file does not name and that saving would erase.

    Source: https://learn.microsoft.com/graph/api/synchronization-serviceprincipal-put-synchronization
    """
    # A PUT of secrets replaces the whole set, so it has to include what the file does not name.
    saved = await graph.batched.synchronization.secrets(service_principal_id)
    wanted = reveal_values(credentials) | (build_job_settings(plan.instance, saved) if with_settings else {})
    lost = sorted(key for key, value in saved.items() if value == MASK and key not in wanted)
    if lost:
        raise StepFailed(
            "CredentialWouldBeLost",
            f"The tenant holds {', '.join(lost)} for {plan.key}, which the fleet file does not name.",
            "Its value cannot be read back, and saving would erase it. Add it under credentials.",
        )
    whole = {**saved, **wanted}
    try:
        await graph.synchronization.save_secrets(service_principal_id, whole)
    except BadRequest as error:
        size = sum(len(value.encode()) for value in whole.values())
        if size > _BYTES_ONCE_DOCUMENTED:
            error.hint = (
                f"the credentials have {size:,} bytes, but Graph may keep no more than {_BYTES_ONCE_DOCUMENTED:,} for "
                "an application, including its SAML certificate: use a shorter token"
            )
        raise
    # Values that only the tenant has were not validated with the others.
    besides = saved.keys() - wanted.keys() - SETTINGS
    return bool(credentials) and not besides and plan.instance.credentials.keys() <= credentials.keys()

"""Microsoft's tutorial on provisioning by Graph, walked by Microsoft's own client."""

from datetime import UTC, datetime

import pytest
from kiota_abstractions.method import Method
from msgraph.generated.application_templates.item.instantiate.instantiate_post_request_body import (
    InstantiatePostRequestBody,
)
from msgraph.generated.models.provisioning_action import ProvisioningAction
from msgraph.generated.models.provisioning_result import ProvisioningResult
from msgraph.generated.models.synchronization_job import SynchronizationJob
from msgraph.generated.models.synchronization_job_restart_criteria import SynchronizationJobRestartCriteria
from msgraph.generated.models.synchronization_job_restart_scope import SynchronizationJobRestartScope
from msgraph.generated.models.synchronization_secret import SynchronizationSecret
from msgraph.generated.models.synchronization_secret_key_string_value_pair import (
    SynchronizationSecretKeyStringValuePair as Pair,
)
from msgraph.generated.models.synchronization_status_code import SynchronizationStatusCode as Code
from msgraph.generated.service_principals.item.synchronization.jobs.item.restart.restart_post_request_body import (
    RestartPostRequestBody,
)
from msgraph.generated.service_principals.item.synchronization.jobs.item.validate_credentials.validate_credentials_post_request_body import (  # noqa: E501
    ValidateCredentialsPostRequestBody as OnJob,
)
from msgraph.generated.service_principals.item.synchronization.jobs.validate_credentials.validate_credentials_post_request_body import (  # noqa: E501
    ValidateCredentialsPostRequestBody,
)
from msgraph.generated.service_principals.item.synchronization.secrets.secrets_put_request_body import (
    SecretsPutRequestBody,
)
from msgraph.generated.service_principals.item.synchronization.secrets.secrets_put_response import SecretsPutResponse

from tests.contract.stranger import asking

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")

NEVER = datetime(1, 1, 1, tzinfo=UTC)
AWS = {SynchronizationSecret.ClientSecret: "AKIDEXAMPLE", SynchronizationSecret.SecretToken: "made-up"}
BOX = {SynchronizationSecret.SecretToken: "made-up", SynchronizationSecret.SyncAll: "true"}


def pairs(secrets):
    return [Pair(key=key, value=value) for key, value in secrets.items()]


async def instance_of(stranger, name):
    """Step 1: an instance of a gallery application."""
    templates = stranger.graph.application_templates
    found = (await stranger.read(templates.get(asking(templates, filter=f"displayName eq '{name}'")))).value
    assert [each.display_name for each in found] == [name]
    instantiate = templates.by_application_template_id(found[0].id).instantiate
    made = await stranger.read(instantiate.post(InstantiatePostRequestBody(display_name=f"{name} by a stranger")))
    assert (stranger.status, made.application.app_id) == (201, made.service_principal.app_id)
    await stranger.read(stranger.graph.applications.by_application_id(made.application.id).get())
    principal = stranger.graph.service_principals.by_service_principal_id(made.service_principal.id)
    assert (await stranger.read(principal.get())).display_name == f"{name} by a stranger"
    return made.service_principal.id, principal.synchronization


async def job_of(stranger, synchronization, template, secrets):
    """Step 2: a job based on the template, whose credentials were tried before."""
    assert [each.id for each in (await stranger.read(synchronization.templates.get())).value] == [template]
    await stranger.read(synchronization.templates.by_synchronization_template_id(template).get())
    attempt = ValidateCredentialsPostRequestBody(template_id=template, credentials=pairs(secrets))
    await stranger.do(synchronization.jobs.validate_credentials.post(attempt))
    job = await stranger.read(synchronization.jobs.post(SynchronizationJob(template_id=template)))
    assert (stranger.status, job.template_id, job.status.code) == (201, template, Code.Paused)
    assert job.status.steady_state_first_achieved_time == NEVER
    return synchronization.jobs.by_synchronization_job_id(job.id)


async def save(stranger, principal_id, synchronization, job, secrets):
    """Step 3: credentials, tried on the job and saved."""
    await stranger.do(job.validate_credentials.post(OnJob(credentials=pairs(secrets))))
    await stranger.do(synchronization.secrets.put(SecretsPutRequestBody(value=pairs(secrets))))
    path = f"/servicePrincipals/{principal_id}/synchronization/secrets"
    saved = (await stranger.send(Method.GET, path, SecretsPutResponse)).value
    assert {pair.key: pair.value for pair in saved}[SynchronizationSecret.SecretToken] == "*"


async def events_of(stranger, principal_id):
    """Step 5: the provisioning log, page by page."""
    log = stranger.graph.audit_logs.provisioning
    page = await stranger.read(log.get(asking(log, top=20, filter=f"servicePrincipal/id eq '{principal_id}'")))
    events = page.value
    while page.odata_next_link:
        page = await stranger.read(log.with_url(page.odata_next_link).get())
        events += page.value
    return events


def was_created(event):
    outcome = (event.provisioning_action, event.provisioning_status_info.status)
    return outcome == (ProvisioningAction.Create, ProvisioningResult.Success)


@pytest.mark.parametrize(
    ("name", "template", "secrets"),
    [("AWS Single-Account Access", "aws", AWS), ("Box", "BoxOutDelta", BOX)],
)
async def test_the_tutorial_from_the_gallery_to_the_log(emulator, stranger, name, template, secrets):
    principal_id, synchronization = await instance_of(stranger, name)
    job = await job_of(stranger, synchronization, template, secrets)
    await save(stranger, principal_id, synchronization, job, secrets)
    await stranger.do(job.start.post())
    assert (await stranger.read(job.get())).status.code == Code.NotRun
    emulator.controls.advance(50)
    progress = (await stranger.read(job.get())).status.progress[0]
    emulator.controls.advance(60)
    steady = (await stranger.read(job.get())).status
    assert steady.code == Code.Active
    assert steady.last_execution.time_ended > steady.last_execution.time_began > NEVER
    assert len((await stranger.read(synchronization.jobs.get())).value) == 1
    events = await events_of(stranger, principal_id)
    if template == "aws":
        assert events == []
        imported = await stranger.read(stranger.graph.service_principals.by_service_principal_id(principal_id).get())
        assert any((role.value or "").startswith("arn:aws:iam::") for role in imported.app_roles)
    else:
        assert 0 < progress.completed_units < progress.total_units
        assert len(events) > 20
        entries = sum(entry.value for entry in steady.synchronized_entry_count_by_type)
        assert entries == sum(map(was_created, events))
    await finish(stranger, job)


async def finish(stranger, job):
    await stranger.do(job.pause.post())
    assert (await stranger.read(job.get())).status.code == Code.Paused
    scope = SynchronizationJobRestartScope
    criteria = SynchronizationJobRestartCriteria(reset_scope=[scope.Watermark, scope.Escrows, scope.QuarantineState])
    await stranger.do(job.restart.post(RestartPostRequestBody(criteria=criteria)))
    await stranger.do(job.delete())


async def test_credentials_gone_bad_show_as_quarantine_and_a_restart_heals(emulator, stranger):
    principal_id, synchronization = await instance_of(stranger, "Box")
    job = await job_of(stranger, synchronization, "BoxOutDelta", BOX)
    await save(stranger, principal_id, synchronization, job, BOX)
    await stranger.do(job.start.post())
    emulator.controls.advance(200)
    emulator.controls.edit_secrets(principal_id, {"SecretToken": "rejected"})
    emulator.controls.advance(3000)
    held = (await stranger.read(job.get())).status
    assert (held.code, held.last_execution.error.tenant_actionable) == (Code.Quarantine, True)
    assert held.quarantine.next_attempt > held.quarantine.current_began == held.quarantine.series_began
    emulator.controls.edit_secrets(principal_id, {"SecretToken": "good"})
    await stranger.do(job.restart.post(RestartPostRequestBody(criteria=SynchronizationJobRestartCriteria())))
    emulator.controls.advance(300)
    assert (await stranger.read(job.get())).status.code == Code.Active

"""Microsoft's page on cross-tenant synchronization by Graph, walked in two embedded tenants by Microsoft's own client.

https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-configure-graph
"""

import json
import ssl
from dataclasses import replace
from uuid import UUID

import pytest
from msgraph.generated.application_templates.item.instantiate.instantiate_post_request_body import (
    InstantiatePostRequestBody,
)
from msgraph.generated.models.app_role_assignment import AppRoleAssignment
from msgraph.generated.models.cross_tenant_access_policy_configuration_partner import (
    CrossTenantAccessPolicyConfigurationPartner as Partner,
)
from msgraph.generated.models.cross_tenant_identity_sync_policy_partner import (
    CrossTenantIdentitySyncPolicyPartner as SyncPolicy,
)
from msgraph.generated.models.cross_tenant_user_sync_inbound import CrossTenantUserSyncInbound
from msgraph.generated.models.inbound_outbound_policy_configuration import InboundOutboundPolicyConfiguration as Consent
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.provisioning_action import ProvisioningAction
from msgraph.generated.models.synchronization_job import SynchronizationJob
from msgraph.generated.models.synchronization_job_application_parameters import SynchronizationJobApplicationParameters
from msgraph.generated.models.synchronization_job_subject import SynchronizationJobSubject
from msgraph.generated.models.synchronization_secret import SynchronizationSecret as Secret
from msgraph.generated.models.synchronization_secret_key_string_value_pair import (
    SynchronizationSecretKeyStringValuePair as Pair,
)
from msgraph.generated.models.synchronization_status_code import SynchronizationStatusCode as Code
from msgraph.generated.service_principals.item.synchronization.jobs.item.provision_on_demand.provision_on_demand_post_request_body import (  # noqa: E501
    ProvisionOnDemandPostRequestBody,
)
from msgraph.generated.service_principals.item.synchronization.jobs.validate_credentials.validate_credentials_post_request_body import (  # noqa: E501
    ValidateCredentialsPostRequestBody,
)
from msgraph.generated.service_principals.item.synchronization.secrets.secrets_put_request_body import (
    SecretsPutRequestBody,
)

from graph_emulator import EmulatedCloud
from tests.contract.conftest import SETTINGS
from tests.contract.stranger import Stranger, asking

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")

TEMPLATE = "518e5f48-1fc8-4c48-9387-9fdf28b0dfe7"
HOME = replace(SETTINGS, partner_form="declared", entry_failure_share=0.0)
TARGET = replace(
    HOME,
    tenant_id="3f2c9f0e-52b1-4f0e-8f4e-2f6d0c1b7a10",
    tenant_name="Fabrikam",
    client_id="5d1f0f5c-7a39-4c55-9d5e-0d7c5f1f7e21",
    client_secret="fabrikam~secret",
)
MAIL = '{"Enabled":false,"DeleteThresholdEnabled":false,"HumanResourcesLookaheadQueryEnabled":false}'


@pytest.fixture
async def two():
    """A source and a target, a client signed in to each, and their cloud."""
    cloud = EmulatedCloud([HOME, TARGET])
    with cloud.serve() as served:
        trust = ssl.create_default_context(cafile=served.ca_file)
        clients = [Stranger(served, settings, trust) for settings in (HOME, TARGET)]
        yield *clients, cloud
        for client in clients:
            await client.close()


def partners(client):
    return client.graph.policies.cross_tenant_access_policy.partners


async def add_partner(client, tenant_id):
    """The partner object, in whose second creation the page tells how to go on."""
    made = await client.read(partners(client).post(Partner(tenant_id=tenant_id)))
    assert (client.status, made.tenant_id, made.is_in_multi_tenant_organization) == (201, tenant_id, False)
    assert made.automatic_user_consent_settings.inbound_allowed is made.b2b_collaboration_inbound is None
    with pytest.raises(ODataError) as refused:
        await partners(client).post(Partner(tenant_id=tenant_id))
    assert refused.value.error.code == "Request_MultipleObjectsWithSameKeyValue"
    return partners(client).by_cross_tenant_access_policy_configuration_partner_tenant_id(tenant_id)


async def allow(target):
    """Steps 1 to 3, in the target tenant."""
    partner = await add_partner(target, HOME.tenant_id)
    policy = SyncPolicy(display_name="Contoso", user_sync_inbound=CrossTenantUserSyncInbound(is_sync_allowed=True))
    await target.do(partner.identity_synchronization.put(policy))
    with pytest.raises(ODataError) as refused:
        await partner.identity_synchronization.put(policy)
    assert (refused.value.response_status_code, refused.value.error.details[0].code) == (409, "ConflictingObjects")
    found = await target.read(partner.identity_synchronization.get())
    assert (found.tenant_id, found.user_sync_inbound.is_sync_allowed) == (HOME.tenant_id, True)
    await target.do(partner.patch(Partner(automatic_user_consent_settings=Consent(inbound_allowed=True))))
    shown = await target.read(partner.get())
    assert (shown.automatic_user_consent_settings.inbound_allowed, shown.inbound_trust) == (True, None)


async def consent(source):
    """Steps 4 and 5, in the source tenant."""
    partner = await add_partner(source, TARGET.tenant_id)
    await source.do(partner.patch(Partner(automatic_user_consent_settings=Consent(outbound_allowed=True))))
    listed = await source.read(partners(source).get())
    assert [each.automatic_user_consent_settings.outbound_allowed for each in listed.value] == [True]


def credentials(**more):
    pairs = {"AuthenticationType": "SyncPolicy", "CompanyId": TARGET.tenant_id, **more}
    return [Pair(key=Secret(key), value=value) for key, value in pairs.items()]


async def instantiate(source):
    instantiate = source.graph.application_templates.by_application_template_id(TEMPLATE).instantiate
    made = await source.read(instantiate.post(InstantiatePostRequestBody(display_name="Fabrikam")))
    assert [role.display_name for role in made.service_principal.app_roles] == ["msiam_access"]
    return source.graph.service_principals.by_service_principal_id(made.service_principal.id), made.service_principal


def validation():
    return ValidateCredentialsPostRequestBody(
        template_id="Azure2Azure", use_saved_credentials=False, credentials=credentials()
    )


async def make_job(source, principal):
    """Steps 6 to 9: the job and its credentials."""
    jobs = principal.synchronization.jobs
    await source.do(jobs.validate_credentials.post(validation()))
    job = await source.read(jobs.post(SynchronizationJob(template_id="Azure2Azure")))
    pairs = credentials(SyncNotificationSettings=MAIL, SyncAll="false")
    await source.do(principal.synchronization.secrets.put(SecretsPutRequestBody(value=pairs)))
    return jobs.by_synchronization_job_id(job.id)


async def provision_on_demand(source, job, user_id):
    """Step 11, with the rule as the page finds it."""
    rules = (await source.read(job.schema.get())).synchronization_rules
    (rule,) = (each for each in rules if each.name == "USER_INBOUND_USER")
    subject = SynchronizationJobSubject(object_id=user_id, object_type_name="User")
    parameters = [SynchronizationJobApplicationParameters(rule_id=rule.id, subjects=[subject])]
    return await source.read(job.provision_on_demand.post(ProvisionOnDemandPostRequestBody(parameters=parameters)))


async def guests_of(target):
    names = ["id", "userPrincipalName", "userType", "externalUserState", "creationType"]
    users = target.graph.users
    query = asking(users, filter="creationType eq 'Invitation'", select=names)
    return (await target.read(users.get(query))).value


async def test_the_page_from_the_policies_of_both_tenants_to_the_guest_and_back(two):
    source, target, cloud = two
    people = cloud[HOME.tenant_id].tenant.people.users.values()
    first, second = [user["id"] for user in people if user["accountEnabled"]][:2]
    await allow(target)
    await consent(source)
    principal, made = await instantiate(source)
    job = await make_job(source, principal)
    for who in (first, second):
        role = made.app_roles[0].id
        wanted = AppRoleAssignment(principal_id=UUID(who), resource_id=UUID(made.id), app_role_id=role)
        await source.read(principal.app_role_assigned_to.post(wanted))

    result = await provision_on_demand(source, job, first)
    assert json.loads(result.value)[0]["action"] == "Create"
    (guest,) = await guests_of(target)
    assert (guest.user_type, guest.external_user_state) == ("Member", "Accepted")
    assert guest.user_principal_name.endswith("#EXT#@fabrikam.example")

    await source.do(job.start.post())
    cloud.clock.advance(200)
    status = (await source.read(job.get())).status
    assert (status.code, sum(each.value for each in status.synchronized_entry_count_by_type)) == (Code.Active, 2)
    assert len(await guests_of(target)) == 2

    for each in (await source.read(principal.app_role_assigned_to.get())).value:
        await source.do(principal.app_role_assigned_to.by_app_role_assignment_id(each.id).delete())
    cloud.clock.advance(2_400)
    assert await guests_of(target) == []
    log = source.graph.audit_logs.provisioning
    events = (await source.read(log.get(asking(log, top=50)))).value
    gone = [each.source_identity.id for each in events if each.provisioning_action == ProvisioningAction.Delete]
    assert sorted(gone) == sorted([first, second])


async def test_credentials_are_refused_until_the_target_allows_it_and_after_it_no_longer_does(two):
    source, target, cloud = two
    await consent(source)
    principal, _ = await instantiate(source)
    validate = principal.synchronization.jobs.validate_credentials
    with pytest.raises(ODataError) as refused:
        await validate.post(validation())
    assert "AzureActiveDirectoryCrossTenantSyncPolicyCheckFailure" in refused.value.error.message
    await allow(target)
    job = await make_job(source, principal)
    await source.do(job.start.post())
    cloud.clock.advance(200)
    partner = partners(target).by_cross_tenant_access_policy_configuration_partner_tenant_id(HOME.tenant_id)
    with pytest.raises(ODataError):
        await partner.delete()
    await target.do(partner.identity_synchronization.delete())
    await target.do(partner.delete())
    cloud.clock.advance(2_400)
    held = (await source.read(job.get())).status
    assert held.code == Code.Quarantine
    assert held.quarantine.error.code == "AzureActiveDirectoryCrossTenantSyncPolicyCheckFailure"

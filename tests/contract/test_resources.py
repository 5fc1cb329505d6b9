"""Every other resource of the emulator, through Microsoft's own client."""

import json

import pytest
from kiota_abstractions.method import Method
from msgraph.generated.application_templates.item.instantiate.instantiate_post_request_body import (
    InstantiatePostRequestBody,
)
from msgraph.generated.models.app_role_assignment import AppRoleAssignment
from msgraph.generated.models.application import Application
from msgraph.generated.models.attribute_mapping_source_type import AttributeMappingSourceType
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.models.service_principal import ServicePrincipal
from msgraph.generated.models.synchronization_job import SynchronizationJob
from msgraph.generated.models.synchronization_job_application_parameters import SynchronizationJobApplicationParameters
from msgraph.generated.models.synchronization_job_subject import SynchronizationJobSubject
from msgraph.generated.models.synchronization_linked_objects import SynchronizationLinkedObjects
from msgraph.generated.models.synchronization_secret import SynchronizationSecret
from msgraph.generated.models.synchronization_secret_key_string_value_pair import (
    SynchronizationSecretKeyStringValuePair as Pair,
)
from msgraph.generated.service_principals.item.synchronization.acquire_access_token.acquire_access_token_post_request_body import (  # noqa: E501
    AcquireAccessTokenPostRequestBody,
)
from msgraph.generated.service_principals.item.synchronization.jobs.item.provision_on_demand.provision_on_demand_post_request_body import (  # noqa: E501
    ProvisionOnDemandPostRequestBody,
)
from msgraph.generated.service_principals.item.synchronization.jobs.item.schema.parse_expression.parse_expression_post_request_body import (  # noqa: E501
    ParseExpressionPostRequestBody,
)
from msgraph.generated.service_principals.item.synchronization.secrets.secrets_put_request_body import (
    SecretsPutRequestBody,
)
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem

from tests.contract.stranger import asking

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")

CUSTOM = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"


@pytest.fixture
async def pair(stranger):
    template = stranger.graph.application_templates.by_application_template_id(CUSTOM)
    return await stranger.read(template.instantiate.post(InstantiatePostRequestBody(display_name="A SCIM app")))


@pytest.fixture
async def job(stranger, pair):
    synchronization = stranger.graph.service_principals.by_service_principal_id(
        pair.service_principal.id
    ).synchronization
    secret = SynchronizationSecret
    values = {secret.BaseAddress: "https://scim.example", secret.SecretToken: "made-up", secret.SyncAll: "true"}
    body = SecretsPutRequestBody(value=[Pair(key=key, value=value) for key, value in values.items()])
    await stranger.do(synchronization.secrets.put(body))
    made = await stranger.read(synchronization.jobs.post(SynchronizationJob(template_id="scim")))
    return synchronization.jobs.by_synchronization_job_id(made.id)


async def test_the_organization(stranger, emulator):
    found = await stranger.read(stranger.graph.organization.get())
    assert [each.id for each in found.value] == [emulator.settings.tenant_id]


async def test_the_gallery_in_pages_to_its_end(stranger):
    templates = stranger.graph.application_templates
    names = ["id", "displayName", "supportedProvisioningTypes"]
    asked = asking(templates, top=10, select=names, filter="contains(displayName, 'Service Desk')")
    page = await stranger.read(templates.get(asked))
    found = page.value
    while page.odata_next_link:
        page = await stranger.read(templates.with_url(page.odata_next_link).get())
        found += page.value
    assert len({each.id for each in found}) == len(found) > 20
    assert 0 < sum("sync" in each.supported_provisioning_types for each in found) < len(found)
    assert int(await stranger.read(templates.count.get())) > 300
    await stranger.read(templates.by_application_template_id(CUSTOM).get())


async def test_applications(stranger, pair):
    graph, application = stranger.graph, stranger.graph.applications.by_application_id(pair.application.id)
    changes = Application(display_name="Renamed", tags=["mine"], notes="by a stranger")
    await stranger.do(application.patch(changes))
    assert (await stranger.read(application.get())).tags == ["mine"]
    many = graph.applications
    found = await stranger.read(many.get(asking(many, filter="displayName eq 'Renamed'", select=["id", "displayName"])))
    assert [each.id for each in found.value] == [pair.application.id]
    advanced = asking(many, eventual=True, count=True, search='"displayName:renam"', orderby=["displayName"])
    assert (await stranger.read(many.get(advanced))).odata_count == 1
    await stranger.do(application.delete())


async def test_service_principals(stranger, pair):
    many = stranger.graph.service_principals
    principal = many.by_service_principal_id(pair.service_principal.id)
    await stranger.do(principal.patch(ServicePrincipal(notification_email_addresses=["idops@contoso.example"])))
    by_app = await stranger.read(stranger.graph.service_principals_with_app_id(pair.service_principal.app_id).get())
    assert by_app.notification_email_addresses == ["idops@contoso.example"]
    page = await stranger.read(many.get(asking(many, top=1, eventual=True, count=True)))
    assert len(page.value) == 1 <= page.odata_count
    assert int(await stranger.read(many.count.get(counting(many.count)))) == page.odata_count
    await stranger.do(principal.delete())


def counting(builder):
    configuration = asking(builder, eventual=True)
    configuration.query_parameters = None
    return configuration


async def test_owners(stranger, pair, emulator):
    principal = stranger.graph.service_principals.by_service_principal_id(pair.service_principal.id)
    user = next(iter(emulator.tenant.people.users))
    reference = ReferenceCreate(odata_id=f"{stranger.adapter.base_url}/directoryObjects/{user}")
    await stranger.do(principal.owners.ref.post(reference))
    assert user in {owner.id for owner in (await stranger.read(principal.owners.get())).value}
    await stranger.do(principal.owners.by_directory_object_id(user).ref.delete())


async def test_the_recycle_bin(stranger, pair):
    deleted, graph = stranger.graph.directory.deleted_items, stranger.graph
    await stranger.do(graph.applications.by_application_id(pair.application.id).delete())
    for kind, gone in (
        (deleted.graph_application, pair.application),
        (deleted.graph_service_principal, pair.service_principal),
    ):
        assert gone.id in {each.id for each in (await stranger.read(kind.get())).value}
    await stranger.read(deleted.by_directory_object_id(pair.application.id).get())
    assert isinstance(
        await stranger.read(deleted.by_directory_object_id(pair.application.id).restore.post()), Application
    )
    await stranger.do(deleted.by_directory_object_id(pair.service_principal.id).delete())


async def test_people(stranger):
    graph = stranger.graph
    users = (await stranger.read(graph.users.get(asking(graph.users, top=5)))).value
    await stranger.read(graph.users.by_user_id(users[0].id).get())
    groups = (await stranger.read(graph.groups.get(asking(graph.groups, filter="displayName eq 'SG-HR'")))).value
    await stranger.read(graph.groups.by_group_id(groups[0].id).get())
    assert (await stranger.read(graph.groups.by_group_id(groups[0].id).members.get())).value


async def test_assignments(stranger, pair, emulator):
    principal = stranger.graph.service_principals.by_service_principal_id(pair.service_principal.id)
    who, role = next(iter(emulator.tenant.people.groups)), pair.service_principal.app_roles[0].id
    wanted = AppRoleAssignment(principal_id=who, resource_id=pair.service_principal.id, app_role_id=role)
    made = await stranger.read(principal.app_role_assigned_to.post(wanted))
    assert (stranger.status, made.principal_type) == (201, "Group")
    assert [each.id for each in (await stranger.read(principal.app_role_assigned_to.get())).value] == [made.id]
    with pytest.raises(ODataError) as refused:
        await principal.app_role_assigned_to.post(wanted)
    assert refused.value.response_status_code == 400
    assert refused.value.error.message == "Permission being assigned already exists on the object"
    await stranger.do(principal.app_role_assigned_to.by_app_role_assignment_id(made.id).delete())


async def test_the_schema_and_what_it_may_consist_of(stranger, pair, job):
    schema = await stranger.read(job.schema.get())
    assert schema.synchronization_rules[0].object_mappings[0].attribute_mappings[0].matching_priority == 1
    assert {each.id for each in (await stranger.read(job.schema.filter_operators.get())).value} >= {"EQUALS", "IS TRUE"}
    assert {each.id for each in (await stranger.read(job.schema.functions.get())).value} >= {"Join", "Switch"}
    directory = job.schema.directories.by_directory_definition_id(schema.directories[1].id)
    assert (await stranger.read(directory.discover.post())).discovery_date_time is not None
    body = ParseExpressionPostRequestBody(expression='Join(" ", [givenName], ToUpper([surname]))')
    parsed = await stranger.read(job.schema.parse_expression.post(body))
    assert (parsed.parsing_succeeded, parsed.parsed_expression.type) == (True, AttributeMappingSourceType.Function)
    path = f"/servicePrincipals/{pair.service_principal.id}/synchronization/jobs/{(await job.get()).id}/schema"
    await stranger.send(Method.PUT, path, body=schema)
    assert await foreign_free(stranger, job) == schema.id
    await stranger.do(job.schema.delete())


async def foreign_free(stranger, job):
    return (await stranger.read(job.schema.get())).id


@pytest.mark.parametrize("kind", ["User", "Group"])
async def test_provisioning_on_demand(stranger, job, emulator, kind):
    rule = (await stranger.read(job.schema.get())).synchronization_rules[0].id
    people = emulator.tenant.people
    who = next(id_ for id_, user in people.users.items() if user["accountEnabled"])
    subject = SynchronizationJobSubject(object_id=who, object_type_name=kind)
    if kind == "Group":
        group, members = next((group, members) for group, members in people.members.items() if members)
        linked = [SynchronizationJobSubject(object_id=member, object_type_name="User") for member in members[:5]]
        subject.object_id, subject.links = group, SynchronizationLinkedObjects(members=linked)
    parameters = [SynchronizationJobApplicationParameters(rule_id=rule, subjects=[subject])]
    answer = await stranger.read(job.provision_on_demand.post(ProvisionOnDemandPostRequestBody(parameters=parameters)))
    assert answer.key.endswith(".StatusInfo")
    steps = [step["type"] for each in json.loads(answer.value) for step in each["provisioningSteps"]]
    assert steps == ["Import", "Scoping", "Matching", "Export"]


async def test_access_tokens_of_a_connector(stranger, pair):
    synchronization = stranger.graph.service_principals.by_service_principal_id(
        pair.service_principal.id
    ).synchronization
    credentials = [Pair(key=SynchronizationSecret.Oauth2AuthorizationCode, value="code")]
    await stranger.do(
        synchronization.acquire_access_token.post(AcquireAccessTokenPostRequestBody(credentials=credentials))
    )


async def test_a_change_of_a_job(stranger, job):
    await stranger.do(job.start.post())
    assert (await stranger.read(job.get())).schedule.state == "Active"
    await stranger.do(job.pause.post())
    assert (await stranger.read(job.get())).schedule.state == "Paused"


async def test_who_changed_what(stranger, pair, job, emulator):
    job_id = (await job.get()).id
    user = next(iter(emulator.tenant.people.users))
    emulator.controls.act_as(user)
    emulator.controls.act_on_job(job_id, "pause")
    emulator.controls.advance(1)
    many = stranger.graph.audit_logs.directory_audits
    asked = "loggedByService eq 'Account Provisioning' and activityDateTime ge 2020-01-01T00:00:00Z"
    found = [
        each
        for each in (await stranger.read(many.get(asking(many, filter=asked, top=50)))).value
        if each.target_resources[0].id == pair.service_principal.id
    ]
    assert [(each.activity_display_name, each.initiated_by.user and each.initiated_by.user.id) for each in found] == [
        ("Disable/pause provisioning configuration", user),
        ("Add provisioning configuration", None),
        ("Update provisioning setting or credentials", None),
    ]
    assert found[1].initiated_by.app.service_principal_id


async def test_a_batch_of_the_sdk(stranger, pair):
    first = stranger.graph.service_principals.by_service_principal_id(pair.service_principal.id)
    items = [
        BatchRequestItem(first.to_get_request_information(), id="principal"),
        BatchRequestItem(first.synchronization.jobs.to_get_request_information(), id="jobs"),
        BatchRequestItem(stranger.graph.users.by_user_id("nobody").to_get_request_information(), id="nobody"),
    ]
    answer = await stranger.graph.batch.post(BatchRequestContent({item.id: item for item in items}))
    found = {key: response.status for key, response in answer.responses.items()}
    assert found == {"principal": 200, "jobs": 404, "nobody": 404}


async def test_a_refusal_is_the_error_that_the_sdk_knows(stranger):
    with pytest.raises(ODataError) as refused:
        await stranger.graph.service_principals.by_service_principal_id("0" * 8).get()
    error = refused.value.error
    assert (refused.value.response_status_code, error.code) == (400, "Request_BadRequest")
    assert error.inner_error.request_id
    assert error.inner_error.client_request_id
    assert error.inner_error.date is not None


async def test_what_has_changed_among_service_principals(stranger, emulator):
    template = next(iter(emulator.tenant.gallery.values()))
    _, entry = emulator.tenant.directory.instantiate(template, "To be changed", None, "", emulator.controls.now())
    principal = entry.id
    builder = stranger.graph.service_principals.delta
    first = await stranger.read(builder.get(asking(builder, select=["id", "displayName"])))
    while first.odata_next_link:
        first = await stranger.read(builder.with_url(first.odata_next_link).get())
    emulator.controls.edit(principal, {"displayName": "Changed"})
    page = await stranger.read(builder.with_url(first.odata_delta_link).get())
    assert [(each.id, each.display_name) for each in page.value] == [(principal, "Changed")]
    emulator.controls.delete(principal)
    # Its models have no place for what is gone but the additional data.
    page = await builder.with_url(page.odata_delta_link).get()
    (gone,) = page.value
    assert (gone.id, gone.additional_data["@removed"]) == (principal, {"reason": "changed"})

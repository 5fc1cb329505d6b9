"""Every type that the emulator emits, property by property, against the models of the official SDK."""

import copy
import importlib
import json
from collections import Counter
from itertools import groupby

import httpx
import pytest

from graph_emulator import Clock, Emulator
from graph_emulator.handlers.routes import OPERATIONS
from tests.contract.conformance import mismatches
from tests.contract.conftest import SETTINGS
from tests.graph_emulator.driver import CUSTOM, GOOD, Wire

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")

# What each operation answers with, by the name of the SDK's module; those without a body are named below.
MODELS = {
    "add_application_owner": None,
    "add_token_signing_certificate": "self_signed_certificate",
    "assign": "app_role_assignment",
    "create_claims_mapping_policy": "claims_mapping_policy",
    "create_job": "synchronization_job",
    "create_partner": "cross_tenant_access_policy_configuration_partner",
    "create_token_issuance_policy": "token_issuance_policy",
    "delta_service_principals": "service_principals_delta",
    "discover": "directory_definition",
    "get_application": "application",
    "get_application_template": "application_template",
    "get_claims_mapping_policy": "claims_mapping_policy",
    "get_cross_tenant_default": "cross_tenant_access_policy_configuration_default",
    "get_cross_tenant_policy": "cross_tenant_access_policy",
    "get_deleted": "directory_object",
    "get_group": "group",
    "get_identity_synchronization": "cross_tenant_identity_sync_policy_partner",
    "get_job": "synchronization_job",
    "get_partner": "cross_tenant_access_policy_configuration_partner",
    "get_saml_settings": "saml_single_sign_on_settings",
    "get_schema": "synchronization_schema",
    "get_secrets": "synchronization_secrets",
    "get_service_principal": "service_principal",
    "get_synchronization_template": "synchronization_template",
    "get_template_schema": "synchronization_schema",
    "get_token_issuance_policy": "token_issuance_policy",
    "get_user": "user",
    "instantiate": "application_service_principal",
    "list_application_owners": "directory_object_collection_response",
    "list_application_synchronization_templates": "synchronization_template_collection_response",
    "list_application_templates": "application_template_collection_response",
    "list_applications": "application_collection_response",
    "list_assigned_claims_mapping_policies": "claims_mapping_policy_collection_response",
    "list_assigned_token_issuance_policies": "token_issuance_policy_collection_response",
    "list_assignments": "app_role_assignment_collection_response",
    "list_claims_mapping_policies": "claims_mapping_policy_collection_response",
    "list_claims_mapping_policy_applied": "directory_object_collection_response",
    "list_directory_audits": "directory_audit_collection_response",
    "list_deleted_applications": "application_collection_response",
    "list_deleted_service_principals": "service_principal_collection_response",
    "list_filter_operators": "filter_operator_schema_collection_response",
    "list_functions": "attribute_mapping_function_schema_collection_response",
    "list_groups": "group_collection_response",
    "list_jobs": "synchronization_job_collection_response",
    "list_members": "directory_object_collection_response",
    "list_organization": "organization_collection_response",
    "list_partners": "cross_tenant_access_policy_configuration_partner_collection_response",
    "list_provisioning_events": "provisioning_object_summary_collection_response",
    "list_service_principal_owners": "directory_object_collection_response",
    "list_service_principals": "service_principal_collection_response",
    "list_synchronization_templates": "synchronization_template_collection_response",
    "list_template_filter_operators": "filter_operator_schema_collection_response",
    "list_template_functions": "attribute_mapping_function_schema_collection_response",
    "list_token_issuance_policies": "token_issuance_policy_collection_response",
    "list_token_issuance_policy_applied": "directory_object_collection_response",
    "list_users": "user_collection_response",
    "parse_expression": "parse_expression_response",
    "parse_template_expression": "parse_expression_response",
    "provision_on_demand": "string_key_string_value_pair",
    "restore_deleted": "directory_object",
}
WITHOUT_BODY = {
    *(f"{verb}_{kind}" for verb in ("patch", "delete") for kind in ("application", "service_principal")),
    *(f"{verb}_{kind}_owner" for verb in ("add", "remove") for kind in ("application", "service_principal")),
    *("acquire_access_token", "delete_job", "delete_schema", "patch_job", "pause_job", "purge_deleted", "put_schema"),
    *("put_secrets", "restart_job", "start_job", "unassign", "validate_credentials", "validate_job_credentials"),
    *(f"{verb}_claims_mapping_policy" for verb in ("assign", "unassign", "patch", "delete")),
    *(f"{verb}_token_issuance_policy" for verb in ("assign", "unassign", "patch", "delete")),
    *("patch_saml_settings", "patch_partner", "delete_partner"),
    *(f"{verb}_identity_synchronization" for verb in ("put", "patch", "delete")),
    # a number as text, and an envelope of other answers
    *(f"count_{kind}s" for kind in ("application", "application_template", "group", "service_principal", "user")),
    *("batch", "count_members"),
}


def model_of(operation):
    """The SDK's class; names of collections that only a function returns are spelt out by their module."""
    if MODELS[operation] == "synchronization_secrets":
        path = "msgraph.generated.service_principals.item.synchronization.secrets.secrets_put_response"
        return importlib.import_module(path).SecretsPutResponse
    if MODELS[operation] == "service_principals_delta":
        path = "msgraph.generated.service_principals.delta.delta_get_response"
        return importlib.import_module(path).DeltaGetResponse
    name = MODELS[operation]
    module = importlib.import_module(f"msgraph.generated.models.{name}")
    return getattr(module, "".join(word.title() for word in name.split("_")))


@pytest.fixture(scope="module")
async def answers():
    """One answer of every operation that answers with JSON, in a tenant where much has happened."""
    found = {}
    # The recorded form of a partner has one property that the SDK does not know.
    settings = SETTINGS.with_changes(initial_cycle_seconds=10.0, partner_form="declared")
    emulator = Emulator(settings, Clock.frozen())
    async with httpx.AsyncClient(base_url="https://localhost", transport=emulator.transport()) as client:
        wire = Recorder(emulator, client)
        wire.found = found
        await wire.sign_in()
        await visit(wire)
    return found


class Recorder(Wire):
    """Keeps the richest answer of every operation."""

    async def send(self, method, path, body=None, **options):
        answer = await super().send(method, path, body, **options)
        record = self.emulator.requests[-1]
        if answer.status_code in (200, 201) and answer.headers["content-type"].startswith("application/json"):
            kept = self.found.get(record.operation)
            if kept is None or len(answer.content) > len(json.dumps(kept)):
                self.found[record.operation] = answer.json()
        return answer


async def visit_single_sign_on(wire, path):
    """Go everywhere that an application which signs people in has been."""
    settings = {"relayState": "https://contoso.example"}
    await wire.send("PATCH", path, {"preferredSingleSignOnMode": "saml", "samlSingleSignOnSettings": settings})
    await wire.get(f"{path}/samlSingleSignOnSettings")
    await wire.post(f"{path}/addTokenSigningCertificate", {"displayName": "CN=Orders"}, 200)
    for kind in ("claimsMappingPolicies", "tokenIssuancePolicies"):
        top = "ClaimsMappingPolicy" if kind.startswith("claims") else "TokenIssuancePolicy"
        definition = [json.dumps({top: {"Version": 1}})]
        policy = await wire.post(f"/policies/{kind}", {"displayName": kind, "definition": definition}, 201)
        place = f"/policies/{kind}/{policy['id']}"
        await wire.post(f"{path}/{kind}/$ref", {"@odata.id": f"https://localhost{place}"})
        for each in (f"/policies/{kind}", place, f"{place}/appliesTo", f"{path}/{kind}"):
            await wire.get(each)


async def visit_cross_tenant_access(wire):
    """Go everywhere that a policy about another tenant is."""
    policy, partner_id = "/policies/crossTenantAccessPolicy", "3f2c0000-0000-4000-8000-000000000001"
    partner = f"{policy}/partners/{partner_id}"
    await wire.post(f"{policy}/partners", {"tenantId": partner_id}, 201)
    await wire.send("PUT", f"{partner}/identitySynchronization", {"userSyncInbound": {"isSyncAllowed": True}})
    for place in (policy, f"{policy}/default", f"{policy}/partners", partner, f"{partner}/identitySynchronization"):
        await wire.get(place)


async def visit(wire):
    """Go everywhere."""
    application, principal = await wire.instantiate("A SCIM app", CUSTOM)
    path = f"/servicePrincipals/{principal}"
    assert (await wire.assign(principal, wire.user_ids[0])).status_code == 201
    await visit_single_sign_on(wire, path)
    await visit_cross_tenant_access(wire)
    job = await wire.make_job(principal, "scim")
    await wire.save(principal, {**GOOD, "BaseAddress": "https://scim.example", "SyncAll": "true"})
    await wire.post(f"{job}/start")
    wire.emulator.controls.advance(5)
    await wire.get(job)
    wire.emulator.controls.advance(10)
    schema = await wire.get(f"{job}/schema")
    rule = {"ruleId": schema["synchronizationRules"][0]["id"]}
    subjects = [{"objectId": wire.user_ids[1], "objectTypeName": "User"}]
    await wire.post(f"{job}/provisionOnDemand", {"parameters": [{**rule, "subjects": subjects}]}, 200)
    await wire.post(f"{job}/schema/directories/{schema['directories'][0]['id']}/discover", None, 200)
    expression = {"expression": 'Join("-", [a], "b")', "testInputObject": {"properties": [{"key": "a", "value": "1"}]}}
    for place in (job, f"{path}/synchronization/templates/scim"):
        await wire.post(f"{place}/schema/parseExpression", expression, 200)
        for name in ("", "/functions()", "/filterOperators()"):
            await wire.get(f"{place}/schema{name}")
    wire.emulator.controls.quarantine(job.rpartition("/")[2])
    await wire.send("POST", f"/applications/{application}/owners/$ref", {"@odata.id": f"https://x/{wire.user_ids[0]}"})
    group = wire.group_ids[1]
    for place in (
        *(
            "/organization",
            "/users",
            "/groups",
            "/applications",
            "/servicePrincipals",
            "/servicePrincipals/delta",
            "/applicationTemplates?$top=40",
        ),
        *(
            "/auditLogs/provisioning?$top=500",
            "/auditLogs/directoryAudits",
            f"/users/{wire.user_ids[0]}",
            f"/groups/{group}",
            f"/groups/{group}/members",
        ),
        *(f"/applications/{application}", f"/applications/{application}/owners", path, f"{path}/owners"),
        *(f"{path}/appRoleAssignedTo", f"/applicationTemplates/{CUSTOM}", f"{path}/synchronization/secrets"),
        *(
            f"{path}/synchronization/templates",
            f"{path}/synchronization/templates/scim",
            f"{path}/synchronization/jobs",
        ),
        *(f"/applications/{application}/synchronization/templates", job),
    ):
        await wire.get(place)
    await wire.send("DELETE", f"/applications/{application}")
    for kind in ("application", "servicePrincipal"):
        await wire.get(f"/directory/deletedItems/microsoft.graph.{kind}")
    await wire.get(f"/directory/deletedItems/{application}")
    await wire.post(f"/directory/deletedItems/{application}/restore", None, 200)


def test_every_operation_has_its_place_in_the_table():
    named = {name for name, model in MODELS.items() if model}
    assert named | WITHOUT_BODY == OPERATIONS
    assert named & WITHOUT_BODY == set()


async def test_no_operation_was_left_out(answers):
    assert {name for name, model in MODELS.items() if model} - answers.keys() == set()


@pytest.mark.parametrize("operation", sorted(name for name, model in MODELS.items() if model))
async def test_names_and_types_are_those_of_the_sdk(answers, operation):
    assert mismatches(answers[operation], model_of(operation)) == []


@pytest.mark.parametrize("operation", sorted(name for name, model in MODELS.items() if model))
async def test_one_wrong_name_anywhere_is_found(answers, operation):
    model, blind, answer = model_of(operation), set(), shortened(answers[operation])
    places = {tuple(step for step in path if isinstance(step, str)): path for path in names_in(answer)}
    for _, same_depth in groupby(sorted(places.values(), key=len), key=len):
        paths = list(same_depth)
        # Parsing takes long: all names of a depth are wrong at once, and one by one only where not each was found.
        found = Counter(
            told.partition(":")[0].rpartition(".")[2] for told in mismatches(misspelt(answer, paths), model)
        )
        if Counter(f"{path[-1]}X" for path in paths) - found:
            blind |= {path for path in paths if mismatches(misspelt(answer, [path]), model) == []}
    assert blind == set()


def misspelt(answer, paths):
    """The answer with the last name of each path written wrong."""
    changed = copy.deepcopy(answer)
    for *place, name in paths:
        holder = changed
        for step in place:
            holder = holder[step]
        holder[f"{name}X"] = holder.pop(name)
    return changed


def shortened(value):
    """The same with two items of every list: each name still occurs."""
    if isinstance(value, list):
        return [shortened(item) for item in value[:2]]
    return {name: shortened(item) for name, item in value.items()} if isinstance(value, dict) else value


def names_in(value, path=()):
    """The place of every property; what is in an open type may be called anything."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from names_in(item, (*path, number))
    elif isinstance(value, dict) and path[-1:] != ("details",):
        for name, item in value.items():
            if not name.startswith("@"):
                yield (*path, name)
                yield from names_in(item, (*path, name))


@pytest.mark.parametrize(
    ("operation", "place", "wrong"),
    [
        ("get_job", ("status", "code"), "Runing"),
        ("get_job", ("status", "lastExecution", "countImported"), "12"),
        ("get_job", ("schedule",), "PT40M"),
        ("get_application_template", ("isEntraIntegrated",), "yes"),
        ("get_service_principal", ("tags",), "one"),
        ("get_service_principal", ("appId",), 7),
    ],
)
async def test_one_wrong_value_is_found(answers, operation, place, wrong):
    changed = copy.deepcopy(answers[operation])
    holder = changed
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = wrong
    assert mismatches(changed, model_of(operation)) != []

"""The table of all routes below `/v1.0` and `/beta`."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from graph_emulator.directory.directory import Kind
from graph_emulator.directory.token_policies import PolicyKind
from graph_emulator.handlers import (
    application_templates,
    batch,
    cross_tenant,
    directory_audits,
    directory_objects,
    people,
    provisioning_logs,
    single_sign_on,
    token_policies,
)
from graph_emulator.handlers import synchronization_jobs as jobs
from graph_emulator.handlers import synchronization_schemas as schemas
from graph_emulator.handlers.call import Answer, Call
from graph_emulator.handlers.router import Route
from graph_emulator.sign_in import tokens

Handler = Callable[[Call], Answer]

_SYNC = "/servicePrincipals/{id}/synchronization"
_JOB = f"{_SYNC}/jobs/{{jobId}}"
_BIN = "/directory/deletedItems"

_GENERAL = (
    Route("GET", "/organization", "list_organization", people.list_organization, tokens.ANY_TOKEN),
    Route("POST", "/$batch", "batch", batch.batch, tokens.ANY_TOKEN, body="json", scope="unlimited"),
    Route("GET", "/users", "list_users", people.list_users, tokens.READ_USERS, units=2),
    Route("GET", "/users/$count", "count_users", people.count_users, tokens.READ_USERS),
    Route("GET", "/groups/$count", "count_groups", people.count_groups, tokens.READ_GROUPS),
    Route("GET", "/users/{id}", "get_user", people.get_user, units=2),
    Route("GET", "/groups", "list_groups", people.list_groups, tokens.READ_GROUPS, units=2),
    Route("GET", "/groups/{id}", "get_group", people.get_group, units=2),
    Route("GET", "/groups/{id}/members", "list_members", people.list_members, tokens.READ_GROUPS, units=3),
    Route("GET", "/groups/{id}/members/$count", "count_members", people.count_members, tokens.READ_GROUPS),
    Route(
        "GET",
        "/auditLogs/provisioning",
        "list_provisioning_events",
        provisioning_logs.list_all,
        tokens.READ_LOGS,
        scope="reports",
    ),
    Route(
        "GET",
        "/auditLogs/directoryAudits",
        "list_directory_audits",
        directory_audits.list_all,
        tokens.READ_AUDITS,
        scope="reports",
    ),
    Route("GET", "/applicationTemplates", "list_application_templates", application_templates.list_all),
    Route("GET", "/applicationTemplates/$count", "count_application_templates", application_templates.count),
    Route("GET", "/applicationTemplates/{id}", "get_application_template", application_templates.get),
    Route(
        "POST",
        "/applicationTemplates/{id}/instantiate",
        "instantiate",
        application_templates.instantiate,
        tokens.INSTANTIATE,
        body="json",
    ),
)


def _objects(kind: Kind, name: str, write: tokens.Permission) -> tuple[Route, ...]:
    """The routes that applications and service principals share."""
    many, read, units = directory_objects, tokens.READ_APPLICATIONS, 2 if kind == "application" else 1
    one, owners = f"/{kind}s/{{id}}", f"/{kind}s/{{id}}/owners"
    add, remove = partial(people.add_owner, kind=kind), partial(people.remove_owner, kind=kind)
    binned = f"{_BIN}/microsoft.graph.{kind}"
    return (
        Route("GET", f"/{kind}s", f"list_{name}s", partial(many.list_all, kind=kind), read, units=units),
        Route("GET", f"/{kind}s/$count", f"count_{name}s", partial(many.count, kind=kind), read),
        Route("GET", one, f"get_{name}", partial(many.get, kind=kind), read, units=units),
        Route("PATCH", one, f"patch_{name}", partial(many.patch, kind=kind), write, body="json"),
        Route("DELETE", one, f"delete_{name}", partial(many.delete, kind=kind), write),
        Route("GET", owners, f"list_{name}_owners", partial(people.list_owners, kind=kind), read),
        Route("POST", f"{owners}/$ref", f"add_{name}_owner", add, tokens.ADD_OWNER, body="json"),
        Route("DELETE", f"{owners}/{{ownerId}}/$ref", f"remove_{name}_owner", remove, write),
        Route("GET", binned, f"list_deleted_{name}s", partial(many.list_deleted, kind=kind), read),
    )


_DIRECTORY = (
    *_objects("application", "application", tokens.WRITE_APPLICATIONS),
    *_objects("servicePrincipal", "service_principal", tokens.WRITE_PRINCIPALS),
    Route(
        "GET",
        "/servicePrincipals/delta",
        "delta_service_principals",
        directory_objects.delta,
        tokens.READ_APPLICATIONS,
    ),
    Route(
        "GET",
        "/servicePrincipals/microsoft.graph.delta",
        "delta_service_principals",
        directory_objects.delta,
        tokens.READ_APPLICATIONS,
    ),
    Route("GET", f"{_BIN}/{{id}}", "get_deleted", directory_objects.get_deleted, tokens.READ_DELETED),
    Route("POST", f"{_BIN}/{{id}}/restore", "restore_deleted", directory_objects.restore, tokens.WRITE_APPLICATIONS),
    Route("DELETE", f"{_BIN}/{{id}}", "purge_deleted", directory_objects.purge, tokens.WRITE_APPLICATIONS),
    Route(
        "GET",
        "/servicePrincipals/{id}/appRoleAssignedTo",
        "list_assignments",
        people.list_assignments,
        tokens.READ_APPLICATIONS,
    ),
    Route(
        "POST",
        "/servicePrincipals/{id}/appRoleAssignedTo",
        "assign",
        people.assign,
        tokens.ASSIGN,
        body="json",
    ),
    Route(
        "DELETE",
        "/servicePrincipals/{id}/appRoleAssignedTo/{assignmentId}",
        "unassign",
        people.unassign,
        tokens.ASSIGN,
    ),
)


def _policies(kind: PolicyKind, name: str, one: str) -> tuple[Route, ...]:
    """The routes for policies of a kind, and for the service principals that have one."""
    of, read, write = partial(partial, kind=kind), tokens.READ_POLICIES, tokens.WRITE_POLICIES
    many, each = f"/policies/{kind}", f"/policies/{kind}/{{policyId}}"
    assigned, assign = f"/servicePrincipals/{{id}}/{kind}", tokens.ASSIGN_POLICY
    link = f"{assigned}/{{policyId}}/$ref"
    return (
        Route("GET", many, f"list_{name}", of(token_policies.list_all), read),
        Route("POST", many, f"create_{one}", of(token_policies.create), write, body="json"),
        Route("GET", each, f"get_{one}", of(token_policies.get), read),
        Route("PATCH", each, f"patch_{one}", of(token_policies.patch), write, body="json"),
        Route("DELETE", each, f"delete_{one}", of(token_policies.delete), write),
        Route("GET", f"{each}/appliesTo", f"list_{one}_applied", of(token_policies.list_applied), read),
        Route(
            "GET", assigned, f"list_assigned_{name}", of(token_policies.list_assigned), tokens.READ_ASSIGNED_POLICIES
        ),
        Route("POST", f"{assigned}/$ref", f"assign_{one}", of(token_policies.assign), assign, body="json"),
        Route("DELETE", link, f"unassign_{one}", of(token_policies.unassign), assign),
    )


_PRINCIPAL = "/servicePrincipals/{id}"
_SINGLE_SIGN_ON = (
    Route(
        "POST",
        f"{_PRINCIPAL}/addTokenSigningCertificate",
        "add_token_signing_certificate",
        single_sign_on.add_certificate,
        tokens.WRITE_PRINCIPALS,
        body="json",
    ),
    Route(
        "GET",
        f"{_PRINCIPAL}/samlSingleSignOnSettings",
        "get_saml_settings",
        single_sign_on.get_settings,
        tokens.READ_APPLICATIONS,
    ),
    Route(
        "PATCH",
        f"{_PRINCIPAL}/samlSingleSignOnSettings",
        "patch_saml_settings",
        single_sign_on.patch_settings,
        tokens.WRITE_PRINCIPALS,
        body="json",
    ),
    *_policies("claimsMappingPolicies", "claims_mapping_policies", "claims_mapping_policy"),
    *_policies("tokenIssuancePolicies", "token_issuance_policies", "token_issuance_policy"),
)


_POLICY = "/policies/crossTenantAccessPolicy"
_PARTNER = f"{_POLICY}/partners/{{tenantId}}"
_IDENTITIES = f"{_PARTNER}/identitySynchronization"


def _see(path: str, operation: str, handler: Handler) -> Route:
    return Route("GET", path, operation, handler, tokens.READ_PARTNERS)


def _change(method: str, path: str, operation: str, handler: Handler) -> Route:
    body: Literal["json", "ignored"] = "ignored" if method == "DELETE" else "json"
    return Route(method, path, operation, handler, tokens.WRITE_PARTNERS, body=body)


_CROSS_TENANT = (
    _see(_POLICY, "get_cross_tenant_policy", cross_tenant.get_policy),
    _see(f"{_POLICY}/default", "get_cross_tenant_default", cross_tenant.get_default),
    _see(f"{_POLICY}/partners", "list_partners", cross_tenant.list_partners),
    _change("POST", f"{_POLICY}/partners", "create_partner", cross_tenant.create_partner),
    _see(_PARTNER, "get_partner", cross_tenant.get_partner),
    _change("PATCH", _PARTNER, "patch_partner", cross_tenant.patch_partner),
    _change("DELETE", _PARTNER, "delete_partner", cross_tenant.delete_partner),
    _see(_IDENTITIES, "get_identity_synchronization", cross_tenant.get_synchronization),
    _change("PUT", _IDENTITIES, "put_identity_synchronization", cross_tenant.put_synchronization),
    _change("PATCH", _IDENTITIES, "patch_identity_synchronization", cross_tenant.patch_synchronization),
    _change("DELETE", _IDENTITIES, "delete_identity_synchronization", cross_tenant.delete_synchronization),
)


def _read(path: str, operation: str, handler: Handler) -> Route:
    return Route("GET", path, operation, handler, tokens.READ_SYNCHRONIZATION)


def _post(path: str, operation: str, handler: Handler) -> Route:
    return Route("POST", path, operation, handler, tokens.WRITE_SYNCHRONIZATION)


def _send(
    method: str, path: str, operation: str, handler: Handler, *, unlisted: bool = False, ending: bool = False
) -> Route:
    need = tokens.WRITE_SYNCHRONIZATION
    return Route(method, path, operation, handler, need, body="json", unlisted=unlisted, ending=ending)


def _schema(path: str, prefix: str) -> tuple[Route, ...]:
    """The routes for the elements of schemas; reading them needs the permission to write."""
    write = tokens.WRITE_SYNCHRONIZATION
    return (
        Route("GET", f"{path}/filterOperators", f"list_{prefix}filter_operators", schemas.filter_operators, write),
        Route("GET", f"{path}/functions", f"list_{prefix}functions", schemas.functions, write),
        _send("POST", f"{path}/parseExpression", f"parse_{prefix}expression", schemas.parse_expression),
    )


_SYNCHRONIZATION = (
    _read(f"{_SYNC}/templates", "list_synchronization_templates", schemas.list_templates),
    _read(
        "/applications/{id}/synchronization/templates",
        "list_application_synchronization_templates",
        partial(schemas.list_templates, kind="application"),
    ),
    _read(f"{_SYNC}/templates/{{templateId}}", "get_synchronization_template", schemas.get_template),
    _read(f"{_SYNC}/jobs", "list_jobs", jobs.list_all),
    _send("POST", f"{_SYNC}/jobs", "create_job", jobs.create),
    _send(
        "POST",
        f"{_SYNC}/jobs/validateCredentials",
        "validate_credentials",
        jobs.validate,
        unlisted=True,
        ending=True,
    ),
    _read(_JOB, "get_job", jobs.get),
    Route("PATCH", _JOB, "patch_job", jobs.patch, tokens.PATCH_JOB, body="json"),
    Route("DELETE", _JOB, "delete_job", jobs.delete, tokens.WRITE_SYNCHRONIZATION),
    _post(f"{_JOB}/start", "start_job", jobs.start),
    _post(f"{_JOB}/pause", "pause_job", jobs.pause),
    _send("POST", f"{_JOB}/restart", "restart_job", jobs.restart),
    _send("POST", f"{_JOB}/validateCredentials", "validate_job_credentials", jobs.validate_on_job, ending=True),
    _read(f"{_JOB}/schema", "get_schema", jobs.get_schema),
    _send("PUT", f"{_JOB}/schema", "put_schema", jobs.put_schema),
    Route("DELETE", f"{_JOB}/schema", "delete_schema", jobs.delete_schema, tokens.WRITE_SYNCHRONIZATION),
    Route(
        "POST",
        f"{_JOB}/provisionOnDemand",
        "provision_on_demand",
        jobs.provision_on_demand,
        tokens.WRITE_SYNCHRONIZATION,
        body="json",
        scope="on demand",
    ),
    Route("POST", f"{_JOB}/schema/directories/{{directoryId}}/discover", "discover", schemas.discover, tokens.DISCOVER),
    *_schema(f"{_JOB}/schema", ""),
    *_schema(f"{_SYNC}/templates/{{templateId}}/schema", "template_"),
    _read(f"{_SYNC}/templates/{{templateId}}/schema", "get_template_schema", schemas.get_template_schema),
    _send("POST", f"{_SYNC}/acquireAccessToken", "acquire_access_token", jobs.acquire_access_token, ending=True),
    # The permissions reference does not list reading secrets: we assume the permission to write.
    Route(
        "GET",
        f"{_SYNC}/secrets",
        "get_secrets",
        jobs.get_secrets,
        tokens.WRITE_SYNCHRONIZATION,
        unlisted=True,
        ending=True,
    ),
    _send("PUT", f"{_SYNC}/secrets", "put_secrets", jobs.put_secrets, ending=True),
)

ROUTES: tuple[Route, ...] = (*_GENERAL, *_DIRECTORY, *_SINGLE_SIGN_ON, *_CROSS_TENANT, *_SYNCHRONIZATION)

OPERATIONS = frozenset(route.operation for route in ROUTES)

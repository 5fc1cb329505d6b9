"""Synchronization jobs: their control, their credentials, and provisioning on demand.

https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationjob
https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-validatecredentials
https://learn.microsoft.com/graph/api/synchronization-synchronization-secrets
https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-provisionondemand
"""

from typing import Any

from graph_emulator.clock import opaque_id, write_moment
from graph_emulator.directory.directory import Entry
from graph_emulator.handlers.call import Answer, Call, synchronized_principal
from graph_emulator.handlers.router import no_resource, split_path
from graph_emulator.provisioning.credentials import KEYS, REJECTED
from graph_emulator.provisioning.cycles import Outcome, Subject
from graph_emulator.provisioning.jobs import Job
from graph_emulator.provisioning.on_demand import OnDemandResult, answer, refused
from graph_emulator.provisioning.scheduler import RESTART_SCOPES
from graph_emulator.provisioning.schema import build_schema, in_form
from graph_emulator.wire.bodies import take
from graph_emulator.wire.odata import allow_options
from graph_emulator.wire.problems import GraphProblem, bad_request, credentials_missing, malformed, not_found

STATES = ("Active", "Disabled", "Paused")
PAIR = {"name": "string", "value": "string"}


def _context(call: Call, principal_id: str, tail: str = "") -> str:
    return call.context(f"servicePrincipals('{principal_id}')/synchronization/jobs{tail}")


def job_of(call: Call) -> Job:
    """The job in the path."""
    principal = synchronized_principal(call)
    return call.tenant.jobs.get(principal.id, call.parameters["jobId"], call.now)


def list_all(call: Call) -> Answer:
    """The jobs of a service principal."""
    allow_options(call.options, ())
    principal = synchronized_principal(call)
    jobs = [job.as_graph(call.now) for job in call.tenant.jobs.of(principal.id, call.now)]
    if not jobs and call.tenant.settings.no_jobs == "404":
        # Seen in a batch: jeevansd/SCIM-CodeAuthGrantDeprecation AGENTS.md, 2026-05-09. The code was not kept.
        raise GraphProblem(404, "ResourceNotFound", "There is no synchronization job of this service principal.")
    return Answer(200, {"@odata.context": _context(call, principal.id), "value": jobs})


def create(call: Call) -> Answer:
    """Create a job, not started."""
    types = {"templateId": "string", "schedule": "object", "synchronizationJobSettings": "object[]"}
    body = take(call.body, types, required=("templateId",))
    principal = synchronized_principal(call)
    pairs = [take(item, PAIR, required=("name",)) for item in body.get("synchronizationJobSettings") or ()]
    job = call.tenant.jobs.create(principal, body["templateId"])
    job.settings |= {pair["name"]: pair.get("value") or "" for pair in pairs}
    return Answer(201, {"@odata.context": _context(call, principal.id, "/$entity"), **job.as_graph(call.now)})


def get(call: Call) -> Answer:
    """One job."""
    allow_options(call.options, ())
    job = job_of(call)
    context = _context(call, job.principal.id, "/$entity")
    return Answer(200, {"@odata.context": context, **job.as_graph(call.now)})


def patch(call: Call) -> Answer:
    """Change the schedule or settings of a job; the effect is not documented."""
    types = {"schedule": "object", "synchronizationJobSettings": "object[]", "templateId": "string", "id": "string"}
    mode = call.tenant.settings.job_patch
    if mode == "unknown":
        # https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/3539
        raise no_resource(split_path(call.request.path)[1:])
    body, job = take(call.body, types), job_of(call)
    if mode == "refuse":
        raise bad_request("Update of a synchronization job is not supported.", "BadRequest")
    schedule = take(body.get("schedule") or {}, {"state": "string", "interval": "string", "expiration": "string"})
    if schedule.get("state") not in (None, *STATES):
        raise malformed(f"Requested value '{str(schedule['state'])[:50]}' was not found: synchronizationScheduleState.")
    pairs = [take(item, PAIR, required=("name",)) for item in body.get("synchronizationJobSettings") or ()]
    if mode == "apply":
        job.settings |= {pair["name"]: pair.get("value") or "" for pair in pairs}
        call.tenant.jobs.reschedule(job, schedule, call.now)
    return Answer(204)


def delete(call: Call) -> Answer:
    """Delete a job and its state; the secrets remain."""
    call.tenant.jobs.delete(job_of(call), call.now)
    return Answer(204)


def start(call: Call) -> Answer:
    """Start or resume a job."""
    call.tenant.jobs.start(job_of(call), call.now)
    return Answer(204)


def pause(call: Call) -> Answer:
    """Pause a job; the current cycle is completed."""
    call.tenant.jobs.pause(job_of(call))
    return Answer(204)


def restart(call: Call) -> Answer:
    """Restart a job; the portal sends empty criteria."""
    job = job_of(call)
    criteria = take(call.body, {"criteria": "object"}).get("criteria") or {}  # empty: the portal's Restart
    scope = take(criteria, {"resetScope": "string"}).get("resetScope") or ""
    flags = 0
    for name in filter(None, (part.strip() for part in scope.split(","))):
        # Names are compared as written: the case of enumerations matters here.
        if name not in RESTART_SCOPES:
            raise bad_request(f"Requested value '{name[:100]}' was not found: resetScope.", "BadRequest")
        flags |= RESTART_SCOPES[name]
    call.tenant.jobs.restart(job, flags, call.now)
    return Answer(204)


def schema_of(job: Job) -> dict[str, Any]:
    """The job's own schema, or the template's; its id is that of the job."""
    # Recorded: the id of a job's schema is the id of the job.
    return {**(job.schema or build_schema(job.principal.template, job.template_id)), "id": job.id}


def get_schema(call: Call) -> Answer:
    """The job's schema, its own or the template's."""
    allow_options(call.options, ())
    job = job_of(call)
    shown = in_form(schema_of(job), call.tenant.settings.schema_form)
    return Answer(200, {"@odata.context": _context(call, job.principal.id, f"('{job.id}')/schema/$entity"), **shown})


def put_schema(call: Call) -> Answer:
    """Replace the schema as a whole."""
    types = {
        "id": "string",
        "version": "string",
        "directories": "object[]",
        "synchronizationRules": "object[]",
    }
    schema = take(call.body, types, required=("synchronizationRules",))
    job = job_of(call)
    call.tenant.jobs.replace_schema(job, schema, call.now)
    return Answer(204)


def delete_schema(call: Call) -> Answer:
    """Return to the template's schema."""
    call.tenant.jobs.replace_schema(job_of(call), None, call.now)  # back to the template's default
    return Answer(204)


ON_COLLECTION = {
    "applicationIdentifier": "string",
    "templateId": "string",
    "useSavedCredentials": "boolean",
    "credentials": "object[]",
}
ON_JOB = {name: ON_COLLECTION[name] for name in ("useSavedCredentials", "credentials")}


def _pairs(items: list[dict[str, Any]]) -> dict[str, str]:
    """Keys and values; an unknown or repeated key is refused."""
    found: dict[str, str] = {}
    for item in items:
        pair = take(item, {"key": "string!", "value": "string"}, required=("key",))
        key = pair["key"]
        if key not in KEYS:
            # Recorded of a key in another case: https://github.com/microsoftgraph/msgraph-beta-sdk-java/issues/372
            raise GraphProblem(500, "InternalError", f"Requested value '{key[:100]}' was not found.")
        if key in found:
            raise bad_request(f"The key '{key}' was specified more than once.")
        found[key] = pair.get("value") or ""
    return found


def validate(call: Call) -> Answer:
    """Validate credentials without a job."""
    body = take(call.body, ON_COLLECTION)
    principal = synchronized_principal(call)
    template = body.get("templateId")
    if template is not None and template not in principal.template.synchronization:
        raise bad_request(f"The template '{template[:100]}' is not found for this application.", "InvalidTemplate")
    return _try(call, principal, body)


def validate_on_job(call: Call) -> Answer:
    """Validate credentials for a job."""
    body = take(call.body, ON_JOB)
    return _try(call, job_of(call).principal, body)


def _try(call: Call, principal: Entry, body: dict[str, Any]) -> Answer:
    saved = call.tenant.secrets_of(principal.id).values
    offered = _pairs(body.get("credentials") or [])
    credentials = saved if body.get("useSavedCredentials") is True else offered
    if refusal := call.tenant.targets.refusal(principal.template, credentials, call.now):
        raise call.tenant.targets.problem(refusal)
    if failure := call.tenant.target_tenants.refusal(principal, credentials, call.now):
        raise call.tenant.targets.problem(failure.text, failure.code)
    return Answer(204)


def acquire_access_token(call: Call) -> Answer:
    """Exchange the code of an OAuth sign-in for tokens, and save them with the secrets."""
    body = take(call.body, {"credentials": "object[]"}, required=("credentials",))
    principal, offered = synchronized_principal(call), _pairs(body["credentials"])
    if not offered:
        raise bad_request("A value is required for property 'credentials' of resource.")
    if "Oauth2AuthorizationCode" in offered:
        moment = write_moment(call.now)
        tokens = {"Oauth2AccessToken": opaque_id(principal.id, moment), "Oauth2AccessTokenCreationTime": moment}
        call.tenant.secrets_of(principal.id).save(tokens, merge=True, now=call.now, visible_at=call.now)
    return Answer(204)


def get_secrets(call: Call) -> Answer:
    """The saved secrets, sensitive ones masked."""
    allow_options(call.options, ())
    principal = synchronized_principal(call)
    shown = call.tenant.secrets_of(principal.id).masked(call.now)
    context = call.context(f"servicePrincipals('{principal.id}')/synchronization/secrets")
    pairs = [{"key": key, "value": value} for key, value in shown.items()]
    return Answer(200, {"@odata.context": context, "value": pairs})


def put_secrets(call: Call) -> Answer:
    """Save secrets exactly as sent, even masks."""
    body = take(call.body, {"value": "object[]"}, required=("value",))
    principal, settings = synchronized_principal(call), call.tenant.settings
    values = _pairs(body["value"])
    call.tenant.jobs.settle(call.now)
    call.tenant.secrets_of(principal.id).save(
        values,
        merge=settings.secrets_put == "merge",
        now=call.now,
        visible_at=call.now + settings.secrets_lag_seconds,
    )
    call.tenant.jobs.touch(principal.id, call.now)
    return Answer(204)


MOST_MEMBERS = 5


def provision_on_demand(call: Call) -> Answer:
    """Provision the subject, and return each step."""
    allow_options(call.options, ())
    job = job_of(call)
    subject_id, subject, members = _subject(call, job)
    settings, template = call.tenant.settings, job.principal.template
    form = OnDemandResult(subject[0] == "Group", settings.on_demand_key == "type name", settings.on_demand_value)
    saved = call.tenant.secrets_of(job.principal.id).values
    missing = template.credential_keys and not any(saved.get(key) for key in template.credential_keys)
    if missing and settings.on_demand_without_credentials == "error":
        raise credentials_missing()
    refusal, code = call.tenant.targets.refusal(template, saved, call.now), REJECTED
    if not refusal and (failure := call.tenant.target_tenants.refusal(job.principal, saved, call.now)):
        refusal, code = failure.text, failure.code
    if refusal:
        # A 200 with a failure inside: the request itself succeeded.
        outcome = Outcome(*subject, "other", "failure", code)
        value = refused(outcome, refusal, call.now, form)
    else:
        event = call.tenant.jobs.provision_now(job, subject_id, subject, call.now)
        for member in members:
            call.tenant.jobs.provision_now(job, member, ("User", call.tenant.people.users[member]), call.now)
        value = answer(event, template.display_name, call.now, form)
    return Answer(200, {"@odata.context": call.context("microsoft.graph.stringKeyStringValuePair"), **value})


def _subject(call: Call, job: Job) -> tuple[str, Subject, list[str]]:
    """The only subject of the request, and the members to provision with a group."""
    parameters = take(call.body, {"parameters": "object[]"}, required=("parameters",))["parameters"]
    if len(parameters) != 1:
        raise bad_request("Exactly one rule can be provisioned on demand at a time.", "BadRequest")
    found = take(parameters[0], {"ruleId": "string", "subjects": "object[]"}, required=("ruleId", "subjects"))
    if found["ruleId"] not in {rule.get("id") for rule in schema_of(job)["synchronizationRules"]}:
        # Recorded: https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/4247
        raise bad_request(
            f"The request identified this synchronization job: {job.id}.  The request also identified this "
            f"synchronization rule: {found['ruleId'][:100]}.  However, the job does not include the rule.",
            "RequestParameterInvalid",
        )
    # Microsoft's page excludes roles.
    if job.principal.template.imports_roles:
        raise bad_request("Roles cannot be provisioned on demand.", "BadRequest")
    if len(found["subjects"]) != 1:
        raise bad_request("Exactly one subject can be provisioned on demand at a time.", "BadRequest")
    types = {"objectId": "string", "objectTypeName": "string", "links": "object"}
    subject = take(found["subjects"][0], types, required=("objectId", "objectTypeName"))
    identifier = subject["objectId"].lower()
    known = call.tenant.people.find(identifier)
    if known is None:
        raise not_found(subject["objectId"])
    if known[0].lower() != subject["objectTypeName"].lower():
        raise malformed(f"'{subject['objectTypeName'][:50]}' is not the type of object '{identifier}'.")
    return identifier, known, _members(call, identifier, known[0], subject.get("links"))


def _members(call: Call, group: str, kind: str, links: dict[str, Any] | None) -> list[str]:
    if links is None:
        return []
    if kind != "Group":
        raise malformed("Only a group has links.")
    found = take(links, {"members": "object[]"}).get("members") or []
    if len(found) > MOST_MEMBERS:
        raise bad_request(f"At most {MOST_MEMBERS} members can be provisioned on demand at a time.", "BadRequest")
    members = []
    for item in found:
        fields = {"objectId": "string", "objectTypeName": "string"}
        member = take(item, fields, required=("objectId", "objectTypeName"))
        if member["objectTypeName"] != "User":
            raise bad_request("Nested groups cannot be provisioned on demand.", "BadRequest")
        if member["objectId"].lower() not in call.tenant.people.members[group]:
            raise bad_request(f"'{member['objectId'][:100]}' is not a member of the group.", "BadRequest")
        members.append(member["objectId"].lower())
    return members

"""Provisioning on demand of one user, or one group with a few of its members.

https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-provisionondemand
"""

from typing import Any

from graph_emulator.handlers.call import Answer, Call
from graph_emulator.handlers.synchronization_jobs import job_of, schema_of
from graph_emulator.provisioning.credentials import REJECTED
from graph_emulator.provisioning.cycles import Outcome, Subject
from graph_emulator.provisioning.jobs import Job
from graph_emulator.provisioning.on_demand import OnDemandResult, answer, refused
from graph_emulator.wire.bodies import take
from graph_emulator.wire.odata import allow_options
from graph_emulator.wire.problems import bad_request, credentials_missing, malformed, not_found

MOST_MEMBERS = 5  # documented


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
    refusal = call.tenant.targets.refusal(template, saved, call.now)
    if refusal:
        # A 200 with a failure inside: the request itself succeeded.
        outcome = Outcome(*subject, "other", "failure", REJECTED)
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

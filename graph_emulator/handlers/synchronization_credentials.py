"""Credentials of a provisioning connection: validated, saved, and returned masked.

https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-validatecredentials
https://learn.microsoft.com/graph/api/synchronization-synchronization-secrets
"""

from typing import Any

from graph_emulator.clock import opaque_id, write_moment
from graph_emulator.directory.directory import Entry
from graph_emulator.handlers.call import Answer, Call, synchronized_principal
from graph_emulator.handlers.synchronization_jobs import job_of
from graph_emulator.provisioning.credentials import KEYS
from graph_emulator.wire.bodies import take
from graph_emulator.wire.odata import allow_options
from graph_emulator.wire.problems import GraphProblem, bad_request

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
        found[key] = pair.get("value") or ""  # null and "" both remove a key
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
    refusal = call.tenant.targets.refusal(
        principal.template, saved if body.get("useSavedCredentials") is True else offered, call.now
    )
    if refusal:
        raise call.tenant.targets.problem(refusal)
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
    call.tenant.jobs.settle(call.now)  # cycles that are due ran with the old ones
    call.tenant.secrets_of(principal.id).save(
        values,
        merge=settings.secrets_put == "merge",
        now=call.now,
        visible_at=call.now + settings.secrets_lag_seconds,
    )
    call.tenant.jobs.touch(principal.id, call.now)
    return Answer(204)

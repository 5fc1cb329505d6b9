"""Provisioning events as the log shows them, in the shape of v1.0 and in that of beta.

https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary
"""

from functools import lru_cache
from typing import Any

from graph_emulator.clock import write_ticks
from graph_emulator.identifiers import guid
from graph_emulator.provisioning_log import Event

SOURCE = "Microsoft Entra ID"
VERBS = {"create": "Add", "update": "Update", "disable": "Update", "delete": "Delete"}
REASONS = {
    "BoxEntryConflict": "Message: Box returned an error response with the HTTP status code 409. A group of the "
    "same name exists already. Remove the conflicting group in Box, or take this group out of scope.",
    "EntryConflict": "The target system answered 409 Conflict: an object with the same matching attribute exists "
    "already. Change the matching attribute or remove the object in the target system.",
    "SystemForCrossDomainIdentityManagementServiceIncompatible": "The response of the target system is not valid "
    "SCIM: the attribute 'id' is missing.",
    "InsufficientRights": "The target system answered 403 Forbidden: the authorized account may not change this "
    "object.",
    "DuplicateTargetEntries": "More than one object in the target system matches.",
    "EntrySynchronizationSkipped": "The object is not active in the source system and was never provisioned.",
    "TooManyDeletes": "The object would be removed, but the job is held: more deletions than its threshold.",
}
ACTIONS = {
    "DuplicateTargetEntries": "Remove all but one of the matching objects in the target system.",
    "TooManyDeletes": "Check the deletions and restart the job with ForceDeletes to let them through.",
}


@lru_cache(maxsize=1 << 14)
def system_id(owner: str) -> str:
    """The identifier of a directory or a target system."""
    return guid("system", owner)


def as_graph(event: Event, tenant_id: str, *, beta: bool) -> dict[str, Any]:
    """The whole event."""
    outcome, principal = event.outcome, event.principal
    target = principal.template.display_name
    value = {
        "id": event.id,
        "activityDateTime": write_ticks(event.ticks),
        "tenantId": tenant_id,
        "jobId": event.job_id,
        "cycleId": event.cycle_id,
        "changeId": event.change_id,
        "durationInMilliseconds": event.duration_milliseconds,
        "provisioningAction": outcome.action,
        "provisioningStatusInfo": {"status": outcome.status, "errorInformation": _error(event)},
        "provisioningSteps": _steps(event, target),
        "modifiedProperties": modified_properties(event),
        "servicePrincipal": {"id": principal.id, "displayName": principal.value["displayName"]},
        "sourceSystem": {"id": system_id(tenant_id), "displayName": SOURCE, "details": {}},
        "targetSystem": _target(event, target),
        "sourceIdentity": {
            "id": outcome.subject["id"],
            "displayName": outcome.subject["displayName"],
            "identityType": outcome.subject_type,
            "details": _source_details(event),
        },
        "targetIdentity": {
            "id": event.target_id,
            "displayName": outcome.subject["displayName"] if event.target_id else "",
            "identityType": outcome.subject_type,
            "details": {},
        },
        "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"},
    }
    return {**value, **_beta_only(event)} if beta else value


def _target(event: Event, display_name: str) -> dict[str, Any]:
    value = event.principal.value
    return {
        "id": system_id(value["appId"]),
        "displayName": display_name,
        "details": {
            "ApplicationId": value["appId"],
            "ServicePrincipalId": value["id"],
            "ServicePrincipalDisplayName": value["displayName"],
        },
    }


def _source_details(event: Event) -> dict[str, str]:
    outcome = event.outcome
    if outcome.subject_type != "User":
        return {}
    return {"odatatype": "User", "UserPrincipalName": outcome.subject["userPrincipalName"]}


def _error(event: Event) -> dict[str, Any] | None:
    error = event.outcome.error
    if error is None:
        return None
    return {
        "errorCode": error,
        "reason": REASONS.get(error),
        "additionalDetails": None,
        "errorCategory": "nonServiceFailure",
        "recommendedAction": ACTIONS.get(error),
    }


def _beta_only(event: Event) -> dict[str, Any]:
    """The deprecated twins; the error is flat and its category is written differently."""
    error, status = _error(event), event.outcome.status
    info: dict[str, Any] = {"@odata.type": "#microsoft.graph.statusBase", "status": status}
    if error:
        info = {**error, "@odata.type": "#microsoft.graph.statusDetails", "status": status}
        info["errorCategory"] = "NonServiceFailure"
    return {"action": event.outcome.action[0].upper() + event.outcome.action[1:], "statusInfo": info}


def _steps(event: Event, target: str) -> list[dict[str, Any]]:
    outcome = event.outcome
    name, kind = outcome.subject["displayName"], outcome.subject_type
    verb = VERBS.get(outcome.action, "Add")
    steps = [
        _step(
            f"EntryImport{verb}", "import", "success", f"Received {kind} '{name}' change of type ({verb}) from {SOURCE}"
        )
    ]
    if outcome.status == "skipped":
        reason = REASONS.get(outcome.error or "", "")
        return [*steps, _step("EntrySynchronizationSkip", "scoping", "skipped", reason)]
    will = f"{kind} '{name}' will be {outcome.action}d in {target}"
    steps.append(_step(f"EntrySynchronization{verb}", "matching", "success", will))
    word = "Failed to" if outcome.status == "failure" else "Did"
    done = f"{word} {outcome.action} {kind} '{name}' in {target}"
    steps.append(_step(f"EntryExport{verb}", "export", outcome.status, done))
    steps[-1]["details"] = {"ReportableIdentifier": name}
    return steps


def _step(name: str, kind: str, status: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "provisioningStepType": kind,
        "status": status,
        "description": description,
        "details": {},
    }


def modified_properties(event: Event) -> list[dict[str, Any]]:
    """The attributes of the target before and after."""
    outcome = event.outcome
    if outcome.status == "skipped" or outcome.action == "delete":
        return []
    if outcome.action == "disable":
        return [{"displayName": "active", "oldValue": "True", "newValue": "False"}]
    if outcome.action == "update":
        return [{"displayName": "title", "oldValue": None, "newValue": outcome.subject.get("jobTitle")}]
    names = ("id", "displayName", "userPrincipalName", "mail", "mailEnabled", "mailNickname", "securityEnabled")
    return [
        {
            "displayName": "objectId" if name == "id" else name,
            "oldValue": None,
            "newValue": str(outcome.subject[name]),
        }
        for name in names
        if outcome.subject.get(name) is not None
    ]

"""Provisioning events as Graph sends them."""

from datetime import UTC, datetime

from graph_client.models import ProvisioningEvent

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
BOX = "0f1e2d3c-aaaa-4000-8000-000000000001"
AWS = "0f1e2d3c-bbbb-4000-8000-000000000002"
MOMENT = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)

FAILURE = {
    "errorCode": "DuplicateTargetEntries",
    "reason": "Two accounts match.",
    "additionalDetails": None,
    "errorCategory": "NonServiceFailure",
    "recommendedAction": "Remove one of them.",
}
V1 = {
    "id": "event-1",
    "activityDateTime": "2026-05-01T12:00:00.1234567Z",
    "tenantId": TENANT,
    "jobId": "box.1",
    "cycleId": "cycle",
    "changeId": "change",
    "durationInMilliseconds": 517,
    "provisioningAction": "create",
    "provisioningStatusInfo": {"status": "failure", "errorInformation": FAILURE},
    "servicePrincipal": {"id": BOX.upper(), "displayName": "Box Prod"},
    "sourceIdentity": {"id": "u1", "displayName": "Adèle", "identityType": "User", "details": {"upn": "a@x"}},
    "targetIdentity": {"id": "", "displayName": "", "identityType": "user", "details": {}},
    "provisioningSteps": [{"name": "EntryImport", "provisioningStepType": "import", "status": "success"}],
    "modifiedProperties": [{"displayName": "active", "oldValue": None, "newValue": "True"}],
}
BETA = {
    **{name: value for name, value in V1.items() if name not in ("provisioningAction", "provisioningStatusInfo")},
    "action": "Create",
    "statusInfo": {"@odata.type": "#microsoft.graph.statusDetails", "status": "Failure", **FAILURE},
}


def event(id_: str = "event-1", **given) -> ProvisioningEvent:
    return ProvisioningEvent.parse({**V1, "id": id_, **given})


def succeeded(id_: str, **given) -> ProvisioningEvent:
    return event(id_, provisioningStatusInfo={"status": "success", "errorInformation": None}, **given)


def failed(id_: str, code: str, reason: str = "because", **given) -> ProvisioningEvent:
    error = {**FAILURE, "errorCode": code, "reason": reason}
    return event(id_, provisioningStatusInfo={"status": "failure", "errorInformation": error}, **given)

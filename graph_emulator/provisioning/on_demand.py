"""Provisioning on demand, and its doubly encoded answer.

https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-provisionondemand
"""

from dataclasses import dataclass
from typing import Any

import orjson

from graph_emulator.clock import to_ticks, write_ticks
from graph_emulator.provisioning.cycles import CyclePlan, Execution, Outcome, Subject, provision, update
from graph_emulator.provisioning.jobs import Job
from graph_emulator.provisioning.provisioning_log import REASONS, SOURCE, Event, modified_properties

TYPE_NAME = "Microsoft.Identity.Health.CPP.Common.DataContracts.SyncFabric.StatusInfo"
OUT_OF_SCOPE = "NotEffectivelyEntitled"
REDUNDANT = "RedundantExport"
# Far above the numbers of cycles: provisioning on demand belongs to none of them.
FIRST_NUMBER = 1_000_000


def provision_now(job: Job, plan: CyclePlan, subject_id: str, subject: Subject, now: float) -> Execution:
    """Provision one subject outside any cycle; its outcome counts and is logged like those of a cycle."""
    job.on_demand += 1
    execution = Execution(job.id, job.life, FIRST_NUMBER + job.on_demand, False, now, now)
    kind, value = subject
    # Who is not assigned is skipped, also where the account exists.
    if subject_id not in plan.scope:
        outcome = Outcome(kind, value, "other", "skipped", OUT_OF_SCOPE)
    elif subject_id in job.target.present and subject_id in job.target.outdated:
        job.target.outdated.discard(subject_id)
        outcome = update(plan, kind, value)
    elif subject_id in job.target.present:
        outcome = Outcome(kind, value, "update", "skipped", REDUNDANT)
    else:
        outcome = provision(plan, job.target, subject_id, subject, job.cycle_number)
    execution.outcomes = [outcome]
    return execution


@dataclass(frozen=True, slots=True)
class OnDemandResult:
    """The shape of the answer, one of those on Microsoft's pages."""

    group: bool
    type_name: bool
    value: str

    def answer(self, key: dict[str, Any], summary: dict[str, Any]) -> dict[str, str]:
        """Key and value, each JSON in a string; if the key has the result of a group, the value is empty."""
        values: dict[str, Any] = {
            "summary": summary,
            "summaries": [summary],
            "steps": summary["provisioningSteps"],
        }
        # On Microsoft's page the value of a group is `{}`.
        value = {} if self.group and not self.type_name else values[self.value]
        return {"key": TYPE_NAME if self.type_name else _text(key), "value": _text(value)}


def answer(event: Event, target: str, now: float, form: OnDemandResult) -> dict[str, str]:
    """The answer about a subject that was processed."""
    outcome = event.outcome
    result = {"success": "Success", "failure": "Failure"}.get(outcome.status, "Skipped")  # capitals, unlike the log
    reason = _reason(outcome) or None
    status = {"status": result, "errorCode": outcome.error, "reason": reason, "recommendedAction": None}
    summary = {
        "provisioningSteps": _steps(outcome, target, now),
        "action": outcome.action.capitalize(),
        "changeId": event.change_id,
        "modifiedProperties": modified_properties(event),
        "reportableIdentifier": outcome.subject["displayName"],
        "statusInfo": status,
        "targetIdentity": {"id": event.target_id or None, "type": outcome.subject_type, "details": None},
    }
    details = {
        "errorCode": outcome.error or "",
        "errorMessage": reason or "",
        "errorCategory": "NonServiceFailure" if outcome.status == "failure" else None,
        "recommendedAction": None,
    }
    return form.answer({"result": result, "details": details}, summary)


def refused(outcome: Outcome, refusal: str, now: float, form: OnDemandResult) -> dict[str, str]:
    """The answer if the target system rejects the saved credentials."""
    details = {"errorCode": outcome.error, "errorMessage": refusal, "errorCategory": "Failure"}
    step = _step("EntryImport", "Import", "Failure", refusal, now, {})  # the first request to the target fails
    return form.answer({"result": "Failure", "details": details}, {"action": "Other", "provisioningSteps": [step]})


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _reason(outcome: Outcome) -> str:
    if outcome.error == OUT_OF_SCOPE:
        return "The user or group is not assigned to the application, or its assignment is only minutes old."
    if outcome.error == REDUNDANT:
        return "The state of the object in the source and the target system already match. No change was needed."
    return REASONS.get(outcome.error or "", "")


def _steps(outcome: Outcome, target: str, now: float) -> list[dict[str, Any]]:
    name, kind = outcome.subject["displayName"], outcome.subject_type
    steps = [
        _step("EntryImport", "Import", "Success", f"Retrieved {kind} '{name}' from {SOURCE}", now, _source(outcome))
    ]
    # A redundant export is noticed at the last step; out of scope is noticed before matching.
    skipped = outcome.status == "skipped" and outcome.error != REDUNDANT
    scoped = {"Active in the source system": "True", "Assigned to the application": str(not skipped)}
    word = "Skipped" if skipped else "Success"
    steps.append(_step("EntrySynchronizationScoping", "Scoping", word, f"{kind} '{name}' was evaluated", now, scoped))
    if skipped:
        return steps
    matched = f"{kind} '{name}' was looked for in {target}"
    steps.append(_step("EntrySynchronizationMatch", "Matching", "Success", matched, now, {}))
    word = {"success": "Success", "failure": "Failure"}.get(outcome.status, "Skipped")
    done = _reason(outcome) or f"{kind} '{name}' was provisioned in {target}"
    why = "SkipReason" if outcome.status == "skipped" else "ErrorCode"
    details = {"ReportableIdentifier": name, **({why: outcome.error} if outcome.error else {})}
    verb = "Update" if outcome.action == "update" else "Add"
    name = "EntrySynchronizationSkip" if outcome.status == "skipped" else f"EntryExport{verb}"
    return [*steps, _step(name, "Export", word, done, now, details)]


def _source(outcome: Outcome) -> dict[str, str]:
    found = {"objectId": outcome.subject["id"], "displayName": outcome.subject["displayName"]}
    if outcome.subject_type == "User":
        found["userPrincipalName"] = outcome.subject["userPrincipalName"]
        found["accountEnabled"] = str(outcome.subject["accountEnabled"])
    return found


def _step(name: str, kind: str, status: str, description: str, now: float, details: dict[str, str]) -> dict[str, Any]:
    """A step; unlike in the log, its type is called `type`, and values start with a capital."""
    return {
        "name": name,
        "type": kind,
        "status": status,
        "description": description,
        "timestamp": write_ticks(to_ticks(now)),
        "details": details,
    }

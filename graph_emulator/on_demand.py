"""Provisioning one user or one small group at once, and the doubly encoded answer about it.

https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-provisionondemand
"""

from typing import Any

import orjson

from graph_emulator.clock import to_ticks, write_ticks
from graph_emulator.cycles import CyclePlan, provision
from graph_emulator.event_shapes import REASONS, SOURCE
from graph_emulator.executions import Execution, Outcome
from graph_emulator.jobs import Job
from graph_emulator.scope import Subject

TYPE_NAME = "Microsoft.Identity.Health.CPP.Common.DataContracts.SyncFabric.StatusInfo"
OUT_OF_SCOPE = "NotEffectivelyEntitled"
REDUNDANT = "RedundantExport"
# Far above the numbers of cycles: what happens on demand belongs to none of them.
FIRST_NUMBER = 1_000_000


def provision_now(job: Job, plan: CyclePlan, subject_id: str, subject: Subject, now: float) -> Execution:
    """Provision one subject outside of any cycle; its outcome counts and is logged like those of a cycle."""
    job.on_demand += 1
    execution = Execution(job.id, FIRST_NUMBER + job.on_demand, False, now, now)
    kind, value = subject
    if subject_id not in plan.scope:
        outcome = Outcome(kind, value, "other", "skipped", OUT_OF_SCOPE)
    elif subject_id in job.target.present:
        outcome = Outcome(kind, value, "update", "skipped", REDUNDANT)
    else:
        outcome = provision(plan, job.target, subject_id, subject, job.cycle_number)
    execution.outcomes = [outcome]
    return execution


def answer(outcome: Outcome, target: str, now: float, *, group: bool, type_name: bool) -> dict[str, str]:
    """Key and value, each JSON within a string; of a group no steps are told."""
    result = {"success": "Success", "failure": "Failure"}.get(outcome.status, "Skipped")
    details = {
        "errorCode": outcome.error or "",
        "reason": _reason(outcome),
        "errorCategory": "NonServiceFailure" if outcome.status == "failure" else None,
        "recommendedAction": None,
    }
    key = TYPE_NAME if type_name else _text({"result": result, "details": details})
    return {"key": key, "value": "{}" if group else _text(_steps(outcome, target, now))}


def refused(outcome: Outcome, refusal: str, now: float, *, group: bool, type_name: bool) -> dict[str, str]:
    """The answer when the target system does not take the saved credentials."""
    details = {"errorCode": outcome.error, "reason": refusal, "errorCategory": "Failure", "recommendedAction": None}
    key = TYPE_NAME if type_name else _text({"result": "Failure", "details": details})
    step = _step("EntryImport", "Import", "Failure", refusal, now, {})
    return {"key": key, "value": "{}" if group else _text([step])}


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
    skipped = outcome.status == "skipped" and outcome.error != REDUNDANT
    scoped = {"Active in the source system": "True", "Assigned to the application": str(not skipped)}
    word = "Skipped" if skipped else "Success"
    steps.append(_step("EntrySynchronizationScope", "Scoping", word, f"{kind} '{name}' was evaluated", now, scoped))
    if skipped:
        return steps
    matched = f"{kind} '{name}' was looked for in {target}"
    steps.append(_step("EntrySynchronizationMatch", "Matching", "Success", matched, now, {}))
    word = {"success": "Success", "failure": "Failure"}.get(outcome.status, "Skipped")
    done = _reason(outcome) or f"{kind} '{name}' was provisioned in {target}"
    details = {"ReportableIdentifier": name, **({"ErrorCode": outcome.error} if outcome.error else {})}
    return [*steps, _step("EntryExportAdd", "Export", word, done, now, details)]


def _source(outcome: Outcome) -> dict[str, str]:
    found = {"objectId": outcome.subject["id"], "displayName": outcome.subject["displayName"]}
    if outcome.subject_type == "User":
        found["userPrincipalName"] = outcome.subject["userPrincipalName"]
        found["accountEnabled"] = str(outcome.subject["accountEnabled"])
    return found


def _step(name: str, kind: str, status: str, description: str, now: float, details: dict[str, str]) -> dict[str, Any]:
    """Unlike in the logs, the kind is called `type` and its values begin with a capital."""
    return {
        "name": name,
        "type": kind,
        "status": status,
        "description": description,
        "timestamp": write_ticks(to_ticks(now)),
        "details": details,
    }

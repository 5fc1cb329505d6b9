"""Provisioning one user or group on demand, and the result step by step."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

from flows.errors import StepFailed
from flows.formatting import format_iso
from flows.monitoring.triage import Explanation, explain_error
from flows.plan.on_demand import OnDemandTarget, Subject
from graph_client import GraphClient
from graph_client.errors import GraphError, Throttled
from graph_client.models import OnDemandAnswer

Expectation = Literal["created", "updated", "deleted", "disabled", "unchanged", "succeeded", "skipped", "failed"]
TrialOutcome = Expectation | Literal["unknown"]
EXPECTATIONS: tuple[str, ...] = get_args(Expectation)

_DONE: dict[str, TrialOutcome] = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "disable": "disabled",
}
_EXPORTS: dict[str, TrialOutcome] = {
    "entryexportadd": "created",
    "entryexportupdate": "updated",
    "entryexportdelete": "deleted",
    "entryexportdisable": "disabled",
}
_SUCCESSES: frozenset[str] = frozenset({*_DONE.values(), "unchanged", "succeeded"})
_IN_SYNC = "RedundantExport"
"""Skip reasons of users that the target system has with the mapped values; other skips are of users it lacks."""
_ATTEMPTS = 3  # of a throttled request; each is real
_LOOK = "Check the log: run harvest in a few minutes, then entra-fleet why. Trying again is harmless."


@dataclass(frozen=True)
class OnDemandRequest:
    """Whom to provision where."""

    place: OnDemandTarget
    subject: Subject

    @property
    def key(self) -> str:
        """The key of the instance."""
        return self.place.key


@dataclass(frozen=True)
class OnDemandStep:
    """A step of the provisioning service, in its own words."""

    name: str | None
    type: str | None
    status: str | None
    description: str | None
    details: dict[str, Any]


@dataclass(frozen=True)
class Modified:
    """An attribute of the target before and after."""

    name: str | None
    before: str | None
    after: str | None


@dataclass(frozen=True, repr=False)
class OnDemandResult:
    """The result of provisioning one user or group on demand."""

    key: str
    service_principal_id: str
    job_id: str
    subject: Subject
    tried_at: datetime
    outcome: TrialOutcome
    error_code: str | None = None
    reason: str | None = None
    """Microsoft's words."""
    additional_details: str | None = None
    """What Microsoft adds to them."""
    recommended_action: str | None = None
    """What Microsoft recommends."""
    steps: tuple[OnDemandStep, ...] = ()
    modified: tuple[Modified, ...] = ()
    change_id: str | None = None
    """The change, as its event in the log names it too."""
    target_id: str | None = None
    repeated: bool = False
    """Whether the request was throttled and retried; the first attempt may already have provisioned the user."""
    failure: StepFailed | None = None
    """Why nothing is known of it."""

    def __repr__(self) -> str:
        # Prefect logs it with the state of the task; the rest is about a person.
        return f"<{self.key} {self.subject.id} {self.outcome}>"

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong; who is skipped is as the mappings and assignments say."""
        return self.outcome not in {"failed", "unknown"}

    def as_expected(self, expected: str | None) -> bool:
        """Return whether the outcome is the expected one: `succeeded` is any success."""
        if expected is None:
            return self.ok
        return self.outcome == expected or (expected == "succeeded" and self.outcome in _SUCCESSES)

    def as_json(self) -> dict[str, Any]:
        """Return what `try --output json` prints of it."""
        subject = self.subject
        return {
            "key": self.key,
            "job_id": self.job_id,
            "subject": {
                "id": subject.id,
                "kind": subject.kind,
                "name": subject.name,
                "user_principal_name": subject.user_principal_name,
                "members": list(subject.member_ids),
            },
            "at": format_iso(self.tried_at),
            "outcome": self.outcome,
            "error_code": self.error_code,
            "reason": self.reason,
            "additional_details": self.additional_details,
            "recommended_action": self.recommended_action,
            "steps": [asdict(step) for step in self.steps],
            "modified": [asdict(each) for each in self.modified],
            "change_id": self.change_id,
            "target_id": self.target_id,
            "repeated": self.repeated,
            "error": self.failure.as_json() if self.failure else None,
        }


@dataclass(frozen=True)
class OnDemandResults:
    """The results of a whole run."""

    fleet: str
    trials: tuple[OnDemandResult, ...]
    expected: str | None
    requests: int
    seconds: float

    @property
    def unexpected(self) -> tuple[OnDemandResult, ...]:
        """Those that came out otherwise than expected, or went wrong where nothing was."""
        return tuple(each for each in self.trials if not each.as_expected(self.expected))

    def as_json(self) -> dict[str, Any]:
        """Return what `try --output json` prints."""
        return {
            "fleet": self.fleet,
            "expected": self.expected,
            "as_expected": not self.unexpected,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "trials": [each.as_json() for each in self.trials],
        }


def build_requests(places: Collection[OnDemandTarget], subjects: Collection[Subject]) -> list[OnDemandRequest]:
    """Return every subject at every place.

    Raises:
        StepFailed: A job does not provision that kind of subject.
    """
    found = [OnDemandRequest(place, subject) for place in places for subject in subjects]
    for each in found:
        # For its error: all are checked before the first user is provisioned.
        each.place.rule_for(each.subject.kind)
    return found


def fail_request(attempt: OnDemandRequest, failure: StepFailed, tried_at: datetime) -> OnDemandResult:
    """Return the result of an attempt that Graph refused."""
    return replace(_begun(attempt, tried_at), outcome="failed", failure=failure)


async def provision_subject(graph: GraphClient, attempt: OnDemandRequest) -> OnDemandResult:
    """Provision one user or group now, and return the result.

    Retried only after a 429: after any other failure, a second request would no longer show what the first one did.

    Raises:
        GraphError: Graph refused.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-provisionondemand
    """
    place, subject = attempt.place, attempt.subject
    rule_id, word = place.rule_for(subject.kind)
    trial = _begun(attempt, graph.now())
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            answer = await graph.synchronization.provision_on_demand(
                place.service_principal_id, place.job_id, rule_id, subject.id, word, member_ids=subject.member_ids
            )
            return _read_answer(trial, answer)
        except Throttled as error:
            # A 429 may come after the work was done; a pause that is too long for any call is not waited for.
            if not (attempts_left and error.may_have_happened):
                raise
            # The client holds the next one back for as long as Graph asked.
            trial = replace(trial, repeated=True)
        except GraphError as error:
            if not error.may_have_happened:
                raise
            # A result and no error: the user may have an account now.
            return replace(trial, failure=_unknown(error))
    raise AssertionError("the last attempt returns or raises")


def _begun(attempt: OnDemandRequest, tried_at: datetime) -> OnDemandResult:
    place = attempt.place
    ids = (place.key, place.service_principal_id, place.job_id)
    return OnDemandResult(*ids, attempt.subject, tried_at, "unknown")


def _read_answer(trial: OnDemandResult, answer: OnDemandAnswer) -> OnDemandResult:
    outcome = classify_answer(answer)
    failure = None
    if outcome == "unknown":
        message = "Graph's answer does not include the outcome."
        failure = StepFailed("OutcomeUnknown", message, _LOOK, step="provision-on-demand")
    return replace(
        trial,
        outcome=outcome,
        error_code=answer.error_code,
        reason=answer.reason,
        additional_details=answer.additional_details,
        recommended_action=answer.recommended_action,
        steps=tuple(OnDemandStep(s.name, s.type, s.status, s.description, dict(s.details)) for s in answer.steps),
        modified=tuple(
            Modified(each.display_name, each.old_value, each.new_value) for each in answer.modified_properties
        ),
        change_id=answer.change_id,
        target_id=answer.target_id,
        failure=failure,
    )


def classify_answer(answer: OnDemandAnswer) -> TrialOutcome:
    """Return what an answer says was done: by its result, its action, or the export among its steps."""
    if answer.result == "skipped":
        # Microsoft calls both a skip.
        return "unchanged" if answer.error_code == _IN_SYNC else "skipped"
    if answer.result == "failure":
        return "failed"
    if answer.result not in {"success", "warning"}:
        return "unknown"
    exports = (_EXPORTS.get((step.name or "").lower()) for step in answer.steps)
    done = _DONE.get(answer.action or "") or next(filter(None, exports), None)
    return done or "succeeded"


def _unknown(error: GraphError) -> StepFailed:
    message = f"The outcome is unknown. {' '.join(str(error).splitlines()[:2])}"
    # Cause: The response was lost, or does not give the outcome.
    return StepFailed("OutcomeUnknown", message, _LOOK, request_id=error.request_id, step="provision-on-demand")


_DETAILS_SHOWN = 12


def explain_result(trial: OnDemandResult) -> Explanation | None:
    """Return our explanation of a code; None if there is nothing to explain."""
    if trial.error_code is None and (trial.outcome != "failed" or trial.failure):
        return None
    unsuccessful = (step.description for step in trial.steps if (step.status or "success").lower() != "success")
    words = " ".join(filter(None, dict.fromkeys((trial.reason, *unsuccessful))))
    kept = [step.details for step in trial.steps if (step.type or "").lower() != "import"]
    details = {name: value for each in reversed(kept) for name, value in each.items()}
    return explain_error(trial.error_code, trial.recommended_action, trial.key, reason=words, details=details)


def format_lines(trial: OnDemandResult) -> Iterator[tuple[str, str]]:
    """Yield label and text of everything that is known of a trial, but for its steps and attributes."""
    known = explain_result(trial)
    if trial.error_code:
        meaning = f": {known.meaning}" if known and known.meaning else ""
        yield "code", f"{trial.error_code}{meaning}"
    if trial.reason:
        yield "Microsoft", trial.reason
    if trial.additional_details:
        yield "details", trial.additional_details
    if trial.recommended_action:
        yield "recommends", trial.recommended_action
    if known and known.cause:
        yield "cause", known.cause
    if known:
        yield "do", known.proposal.text
        yield from (("", command) for command in known.proposal.commands)
    if trial.failure:
        yield "error", trial.failure.message
        if trial.failure.hint:
            yield "do", trial.failure.hint
    if trial.repeated:
        yield (
            "note",
            "Graph throttled the request and it was retried; the first attempt may already have provisioned the user.",
        )


def format_details(step: OnDemandStep) -> str:
    """Return the details of a step that hold something, in one line."""
    shown = [f"{name} {value}" for name, value in step.details.items() if value not in {None, "", "{}"}]
    more = f" and {len(shown) - _DETAILS_SHOWN} more" if len(shown) > _DETAILS_SHOWN else ""
    return ", ".join(shown[:_DETAILS_SHOWN]) + more


def format_unexpected(trial: OnDemandResult, expected: str | None) -> str | None:
    """Return how a result differs from the expected one; None if it does not."""
    if expected is None or trial.as_expected(expected):
        return None
    return f"{trial.subject.label} in {trial.key}: expected {expected}, but {trial.outcome}."

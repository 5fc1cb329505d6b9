"""Why a job is in quarantine and what to do: the reason, joined with the errors of the same cycles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flows.monitoring.error_codes import ErrorCode, error_codes
from flows.monitoring.iso import iso
from flows.monitoring.proposal import Proposal, follow, propose, with_restart
from flows.store import Failure


@dataclass(frozen=True)
class Explanation:
    """What an error code of a single object means, and what to do; nothing is known of a code out of the table."""

    code: str | None
    meaning: str | None
    cause: str | None
    proposal: Proposal

    def as_json(self) -> dict[str, Any]:
        """Return what commands print of it."""
        return {"meaning": self.meaning, "cause": self.cause, "proposal": self.proposal.as_json()}


@dataclass(frozen=True)
class ErrorTriage:
    """An error code of the cycles in question: how often, an example, and what it means."""

    failure: Failure
    explanation: Explanation

    def as_json(self) -> dict[str, Any]:
        """Return what commands print of it."""
        failure = self.failure
        return {
            "code": failure.error_code,
            "count": failure.count,
            "example": {
                "name": failure.source_name,
                "id": failure.source_id,
                "at": iso(failure.activity_at),
                "reason": failure.reason,
                "recommended_action": failure.recommended_action,
            },
            **self.explanation.as_json(),
        }


@dataclass(frozen=True)
class Triage:
    """What is wrong with a job, in a sentence; the errors that show it, and what to do."""

    key: str
    cause: str
    errors: Sequence[ErrorTriage]
    proposal: Proposal

    def as_json(self) -> dict[str, Any]:
        """Return what `monitor --output json` prints beside the quarantine."""
        return {
            "cause": self.cause,
            "proposal": self.proposal.as_json(),
            "errors": [error.as_json() for error in self.errors],
        }


def explain(code: str | None, recommended_action: str | None, key: str | None) -> Explanation:
    """Return what an error code of a single object means, and what to do.

    Args:
        code: The code as it stands in the log.
        recommended_action: What Microsoft recommends in the same event.
        key: Key of the instance; None for an application of no fleet.
    """
    known = error_codes().error(code)
    if known is None:
        return Explanation(code, None, None, follow(recommended_action))
    return Explanation(code, known.meaning, known.cause, propose(known, key))


def triage(
    key: str, reason: str | None, error_code: str | None, error_message: str | None, failures: Sequence[Failure]
) -> Triage:
    """Return why a job is in quarantine, and what to do.

    Args:
        key: Key of the instance.
        reason: The quarantine reason.
        error_code: Graph's code of the quarantine's error.
        error_message: Graph's words for it.
        failures: The failures of the same cycles by error code, the commonest first.
    """
    known = error_codes().quarantine(reason)
    errors = tuple(
        ErrorTriage(failure, explain(failure.error_code, failure.recommended_action, key)) for failure in failures
    )
    # The job's own error is nearer to the cause than the reason; "None" stands for no error.
    job_error = error_codes().error(error_code)
    parts = [job_error.cause if job_error else _cause_of(reason, known)]
    if error_message and not job_error:
        parts.append(f"Graph says: {error_code}: {error_message}")
    if errors and _hangs_on_errors(known, job_error):
        parts.append(_commonest(errors))
    return Triage(key, " ".join(parts), errors, _proposal(key, known, job_error, errors))


def _cause_of(reason: str | None, known: ErrorCode | None) -> str:
    if known is None:
        return f"Microsoft gives the reason {reason}, which is not in our table." if reason else "No reason is given."
    return known.cause


def _hangs_on_errors(known: ErrorCode | None, job_error: ErrorCode | None) -> bool:
    return job_error is None and (known is None or known.action == "errors")


def _commonest(errors: Sequence[ErrorTriage]) -> str:
    top, total = errors[0], sum(error.failure.count for error in errors)
    code = top.failure.error_code or "without a code"
    meaning = f", {top.explanation.meaning}" if top.explanation.meaning else ""
    return f"Most often ({top.failure.count} of {total} failures): {code}{meaning}."


def _proposal(
    key: str, known: ErrorCode | None, job_error: ErrorCode | None, errors: Sequence[ErrorTriage]
) -> Proposal:
    reset_scope = known.restart if known else "QuarantineState"
    if job_error is not None:
        proposal = propose(job_error, key)
    elif not _hangs_on_errors(known, job_error) and known is not None:
        proposal = propose(known, key)
    elif errors:
        proposal = errors[0].explanation.proposal
    else:
        text = "The store has no failures of these cycles: harvest the log, then look again."
        return Proposal("harvest", text, ("entra-fleet harvest",))
    return with_restart(proposal, reset_scope, key)

"""Why a job is in quarantine and what to do: the reason, joined with the errors of the same cycles."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.formatting import format_iso
from flows.monitoring.error_codes import (
    ErrorCode,
    Remediation,
    add_restart,
    error_codes,
    follow_up,
    follow_words,
    join,
    suggest_remediation,
)
from flows.store import Failure, OpenFailure


@dataclass(frozen=True)
class Explanation:
    """What an error code of a single object means, and what to do; nothing is known of a code out of the table."""

    code: str | None
    meaning: str | None
    cause: str | None
    proposal: Remediation

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
                "at": format_iso(failure.activity_at),
                "reason": failure.reason,
                "additional_details": failure.additional_details,
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
    proposal: Remediation

    def as_json(self) -> dict[str, Any]:
        """Return what `monitor --output json` prints beside the quarantine."""
        return {
            "cause": self.cause,
            "proposal": self.proposal.as_json(),
            "errors": [error.as_json() for error in self.errors],
        }


def group_equal(triages: Iterable[Triage]) -> list[list[Triage]]:
    """Return triages with the same cause, errors and remediation together; their keys, counts and users differ."""
    groups: dict[tuple[str, ...], list[Triage]] = {}
    for each in triages:
        codes = (error.failure.error_code or "" for error in each.errors)
        # The key is part of the sentence, and would make every cause different.
        cause = re.sub(rf"(?<!\w){re.escape(each.key)}(?!\w)", "{key}", each.cause)
        groups.setdefault((cause, each.proposal.text, *codes), []).append(each)
    return list(groups.values())


def command_for_all(command: str, keys: Sequence[str]) -> str:
    """Return the command for the first of some instances as the one for all of them."""
    return command.replace(f"--only {keys[0]}", " ".join(f"--only {key}" for key in keys))


def explain_error(
    code: str | None,
    recommended_action: str | None,
    key: str | None,
    *,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Explanation:
    """Return what an error code of a single object means, and what to do.

    Args:
        code: The code as it stands in the log; the reason of a skip counts as one.
        recommended_action: What Microsoft recommends in the same event.
        key: Key of the instance; None for an application of no fleet.
        reason: Microsoft's words.
        details: The details of the event's steps.
    """
    table = error_codes()
    known = table.error(code)
    hangs_on_scope = known.evidence == "scoping" if known else code is None
    if hangs_on_scope and (failed := table.failed_checks(details or {}, reason)):
        return _out_of_scope(code, failed, key, details or {})
    # Some codes say only that the target answered; its status is in Microsoft's words.
    by_status = table.status(reason) if known is None or known.evidence == "status" else None
    found = by_status or known
    proposal = (
        suggest_remediation(found, key)
        if found and (known or not recommended_action)
        else follow_up(recommended_action)
    )
    return Explanation(code, found.meaning if found else None, found.cause if found else None, proposal)


def _out_of_scope(
    code: str | None, failed: Sequence[ErrorCode], key: str | None, details: Mapping[str, Any]
) -> Explanation:
    clauses = ", ".join(_false_clauses(details))
    causes = [*(check.cause for check in failed), *([f"These clauses are not true: {clauses}."] if clauses else [])]
    meaning = ", ".join(check.meaning for check in failed)
    return Explanation(code, meaning, " ".join(causes), join([suggest_remediation(check, key) for check in failed]))


def _false_clauses(details: Mapping[str, Any]) -> Iterator[str]:
    """Yield the clauses of the scoping filter that an object does not fulfil, with the filter's title before each."""
    try:
        found = json.loads(str(details.get("ScopeEvaluationResult")))
    except ValueError:
        return
    if isinstance(found, dict):
        yield from (clause for clause, holds in found.items() if str(holds).lower() == "false")


def explain_quarantine(
    key: str | None, reason: str | None, error_code: str | None, error_message: str | None, failures: Sequence[Failure]
) -> Triage:
    """Return why a job is in quarantine, and what to do.

    Args:
        key: Key of the instance; None for an unmanaged job, for which no command can be named.
        reason: The quarantine reason.
        error_code: Graph's code of the quarantine's error.
        error_message: Graph's words for it.
        failures: The failures of the same cycles by error code, the commonest first.
    """
    known = error_codes().quarantine(reason)
    errors = tuple(
        ErrorTriage(each, explain_error(each.error_code, each.recommended_action, key, reason=each.reason))
        for each in failures
    )
    # The job's own error is nearer to the cause than the reason; "None" stands for no error.
    job_error = error_codes().job_error(error_code, error_message)
    parts = [job_error.cause if job_error else _cause_of(reason, known)]
    if error_message:
        parts.append(f"Graph says: {error_code}: {error_message}")
    if errors and _hangs_on_errors(known, job_error):
        parts.append(_commonest(errors))
    proposal = _proposal(key, known, job_error, errors, in_words=bool(error_message))
    return Triage(key or "", " ".join(parts), errors, proposal)


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
    key: str | None,
    known: ErrorCode | None,
    job_error: ErrorCode | None,
    errors: Sequence[ErrorTriage],
    *,
    in_words: bool,
) -> Remediation:
    held = next((each for each in (known, job_error) if each and each.action == "raise-threshold"), None)
    if held:
        # A person lets deletions through in the portal: no restart of ours is allowed to.
        return suggest_remediation(held, key)
    if job_error is not None:
        proposal = suggest_remediation(job_error, key)
    elif known is not None and known.evidence and in_words:
        proposal = follow_words()
    elif known is not None and not _hangs_on_errors(known, job_error):
        proposal = suggest_remediation(known, key)
    elif errors:
        proposal = errors[0].explanation.proposal
    else:
        text = "The store has no failures of these cycles: harvest the log, then look again."
        return Remediation("harvest", text, ("entra-fleet harvest",))
    return add_restart(proposal, known.restart if known else "QuarantineState", key)


@dataclass(frozen=True)
class FailureCause:
    """Users and groups that fail for one cause."""

    explanation: Explanation
    """What the cause means and what to do; its commands are for the first of `keys`."""
    failures: Sequence[OpenFailure]

    @property
    def keys(self) -> list[str]:
        """The instances concerned, those with the most failures first."""
        return [key for key, _ in Counter(each.key for each in self.failures if each.key).most_common()]

    @property
    def since(self) -> datetime:
        """When the first of them began to fail."""
        return min(each.failing_since for each in self.failures)

    @property
    def newest(self) -> OpenFailure:
        """The one that failed last."""
        return max(self.failures, key=lambda each: each.activity_at)

    def as_json(self) -> dict[str, Any]:
        """Return what `failures --output json` prints of it."""
        newest = self.newest
        return {
            "code": self.explanation.code,
            "count": len(self.failures),
            "instances": self.keys,
            "failing_since": format_iso(self.since),
            "example": {
                "key": newest.key,
                "name": newest.source_name,
                "id": newest.source_id,
                "at": format_iso(newest.activity_at),
                "reason": newest.reason,
                "recommended_action": newest.recommended_action,
            },
            **self.explanation.as_json(),
        }


def group_by_cause(failures: Iterable[OpenFailure]) -> list[FailureCause]:
    """Return failures by what causes them, the commonest cause first.

    One code may have several causes: an HTTP status in Microsoft's words says more than a general code.
    """
    groups: dict[tuple[str | None, str | None, str], list[OpenFailure]] = {}
    for each in failures:
        known = _explain(each, None)
        groups.setdefault((known.code, known.cause, known.proposal.text), []).append(each)
    causes = [FailureCause(_explain(same[0], _first_key(same)), same) for same in groups.values()]
    return sorted(causes, key=lambda cause: (-len(cause.failures), cause.since))


def _first_key(failures: Sequence[OpenFailure]) -> str | None:
    keys = Counter(each.key for each in failures if each.key).most_common(1)
    return keys[0][0] if keys else None


def _explain(failure: OpenFailure, key: str | None) -> Explanation:
    return explain_error(failure.error_code, failure.recommended_action, key, reason=failure.reason)

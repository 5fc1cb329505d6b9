"""Texts about on-demand results: Microsoft's, and ours."""

from collections.abc import Iterator

from flows.monitoring.triage import Explanation, explain_error
from flows.on_demand_provisioning.result import OnDemandResult, OnDemandStep

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
    told = [f"{name} {value}" for name, value in step.details.items() if value not in {None, "", "{}"}]
    more = f" and {len(told) - _DETAILS_SHOWN} more" if len(told) > _DETAILS_SHOWN else ""
    return ", ".join(told[:_DETAILS_SHOWN]) + more


def format_unexpected(trial: OnDemandResult, expected: str | None) -> str | None:
    """Return how a result differs from the expected one; None if it does not."""
    if expected is None or trial.as_expected(expected):
        return None
    return f"{trial.subject.label} in {trial.key}: expected {expected}, but {trial.outcome}."

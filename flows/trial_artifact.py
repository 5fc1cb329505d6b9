"""What a run of provision-on-demand leaves in the Prefect UI to look at."""

from collections.abc import Sequence

from prefect.artifacts import acreate_markdown_artifact

from flows.reconcile.trial import Trial, Trials
from flows.trial_words import details_of, lines_of, unexpected

_TRIALS_SHOWN = 50
_SIGNS = {ord(sign): f"&#{ord(sign)};" for sign in "&<>|*_[]#~\\`"}
"""What Markdown and HTML read something into."""


async def publish_trials(outcome: Trials) -> None:
    """Show everybody who was tried: each step, attributes before and after, and what to do."""
    parts = [_markdown(trial, outcome.expected) for trial in outcome.trials[:_TRIALS_SHOWN]]
    await acreate_markdown_artifact(
        key=f"{outcome.fleet}-on-demand",
        markdown="\n\n".join(parts) or "Nobody was tried.",
        description=f"{outcome.fleet}: provisioned on demand",
    )


def _markdown(trial: Trial, expected: str | None) -> str:
    parts = [f"## {_cell(trial.subject.label)} · {trial.key}: {trial.outcome}"]
    if difference := unexpected(trial, expected):
        parts.append(f"**{_cell(difference)}**")
    if trial.steps:
        rows = [
            (step.type or "", step.status or "", step.name or "", step.description or "", details_of(step))
            for step in trial.steps
        ]
        parts.append(_table(("type", "status", "step", "what", "details"), rows))
    if trial.modified:
        rows_of_attributes = [(each.name or "", each.before or "", each.after or "") for each in trial.modified]
        parts.append(_table(("attribute", "before", "after"), rows_of_attributes))
    parts.append("\n".join(f"- {': '.join(filter(None, (label, _cell(text))))}" for label, text in lines_of(trial)))
    return "\n\n".join(filter(None, parts))


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *(tuple(map(_cell, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Return a text of Microsoft's or of a target system as no Markdown and no HTML."""
    return " ".join(text.split()).translate(_SIGNS)

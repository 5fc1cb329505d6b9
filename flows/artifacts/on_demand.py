"""What a run of provision-on-demand leaves in the Prefect UI to look at."""

from prefect.artifacts import acreate_markdown_artifact

from flows.artifacts.keys import artifact_key
from flows.formatting.markdown import plain, table
from flows.on_demand_provisioning.result import Trial, Trials
from flows.on_demand_provisioning.text import details_of, lines_of, unexpected

_TRIALS_SHOWN = 50


async def publish_trials(outcome: Trials) -> None:
    """Show everybody who was tried: each step, attributes before and after, and what to do."""
    parts = [_markdown(trial, outcome.expected) for trial in outcome.trials[:_TRIALS_SHOWN]]
    await acreate_markdown_artifact(
        key=artifact_key(outcome.fleet, "on-demand"),
        markdown="\n\n".join(parts) or "Nobody was tried.",
        description=f"{outcome.fleet}: provisioned on demand",
    )


def _markdown(trial: Trial, expected: str | None) -> str:
    parts = [f"## {plain(trial.subject.label)} · {trial.key}: {trial.outcome}"]
    if difference := unexpected(trial, expected):
        parts.append(f"**{plain(difference)}**")
    if trial.steps:
        rows = [
            tuple(plain(text or "") for text in (each.type, each.status, each.name, each.description, details_of(each)))
            for each in trial.steps
        ]
        parts.append(table(("type", "status", "step", "what", "details"), rows))
    if trial.modified:
        attributes = [
            tuple(plain(text or "") for text in (each.name, each.before, each.after)) for each in trial.modified
        ]
        parts.append(table(("attribute", "before", "after"), attributes))
    parts.append("\n".join(f"- {': '.join(filter(None, (label, plain(text))))}" for label, text in lines_of(trial)))
    return "\n\n".join(filter(None, parts))

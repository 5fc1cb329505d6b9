"""The artifact of a provision-on-demand run."""

from prefect.artifacts import acreate_markdown_artifact

from flows.artifacts.keys import artifact_key
from flows.formatting.markdown import escape_markdown, markdown_table
from flows.on_demand_provisioning.result import OnDemandResult, OnDemandResults
from flows.on_demand_provisioning.text import format_details, format_lines, format_unexpected

_TRIALS_SHOWN = 50


async def publish_on_demand_results(outcome: OnDemandResults) -> None:
    """Show each attempt: its steps, attributes before and after, and what to do."""
    parts = [_markdown(trial, outcome.expected) for trial in outcome.trials[:_TRIALS_SHOWN]]
    await acreate_markdown_artifact(
        key=artifact_key(outcome.fleet, "on-demand"),
        markdown="\n\n".join(parts) or "Nothing was provisioned.",
        description=f"{outcome.fleet}: provisioned on demand",
    )


def _markdown(trial: OnDemandResult, expected: str | None) -> str:
    parts = [f"## {escape_markdown(trial.subject.label)} · {trial.key}: {trial.outcome}"]
    if difference := format_unexpected(trial, expected):
        parts.append(f"**{escape_markdown(difference)}**")
    if trial.steps:
        rows = [
            tuple(
                escape_markdown(text or "")
                for text in (each.type, each.status, each.name, each.description, format_details(each))
            )
            for each in trial.steps
        ]
        parts.append(markdown_table(("type", "status", "step", "what", "details"), rows))
    if trial.modified:
        attributes = [
            tuple(escape_markdown(text or "") for text in (each.name, each.before, each.after))
            for each in trial.modified
        ]
        parts.append(markdown_table(("attribute", "before", "after"), attributes))
    parts.append(
        "\n".join(f"- {': '.join(filter(None, (label, escape_markdown(text))))}" for label, text in format_lines(trial))
    )
    return "\n\n".join(filter(None, parts))

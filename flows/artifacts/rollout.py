"""The artifact of a rollout in waves."""

from prefect.artifacts import acreate_table_artifact

from flows.artifacts.keys import artifact_key
from flows.artifacts.tables import ROWS_MAX
from flows.formatting.markdown import escape_markdown
from flows.rollout.health_check import HealthCheck
from flows.rollout.report import RolloutReport, WaveReport


async def publish_waves(fleet: str, report: RolloutReport) -> None:
    """Show the health check of each instance by wave, unhealthy ones first."""
    rows = [_row(wave, each) for wave in report.waves for each in sorted(wave.verdicts, key=lambda each: each.good)]
    waves = "\n".join(f"- {each.name}: {len(each.members)} instances, {each.state}" for each in report.waves)
    why = "\n\n".join(map(escape_markdown, report.why()))
    await acreate_table_artifact(
        key=artifact_key(fleet, "waves"),
        table=rows[:ROWS_MAX],
        description=f"Rollout of {fleet} in waves\n\n{waves}\n\n{why}",
    )


def _row(wave: WaveReport, verdict: HealthCheck) -> dict[str, str]:
    return {
        "wave": f"{wave.number} ({wave.label})",
        "key": verdict.key,
        "verdict": "healthy" if verdict.good else "; ".join(verdict.reasons),
        "outcome": verdict.outcome,
        "job state": verdict.state,
        "new failures": str(verdict.failures),
        "deletes": "?" if verdict.deletes is None else str(verdict.deletes),
        "tried": "; ".join(verdict.tried),
        "remarks": "; ".join(verdict.remarks),
    }

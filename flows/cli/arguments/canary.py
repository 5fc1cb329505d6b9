"""`apply --canary`: its options, and how a rollout in waves is shown."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.output.console import stderr_console, stdout_console

if TYPE_CHECKING:
    from flows.rollout.report import RolloutReport

CanaryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--canary",
        metavar="N|KEY",
        help="Roll out in waves: first N instances (or the named ones), then a tenth, then the rest.",
    ),
]
CanaryUserOption = Annotated[
    list[str] | None,
    typer.Option("--canary-user", metavar="WHO", help="User to provision on demand in the canaries; repeatable."),
]
CanaryLimitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--canary-limit",
        metavar="NAME=NUMBER",
        help="Limit for a wave: failures_percent=5, deletes=5, instances=0, timeout_minutes=120 …; repeatable.",
    ),
]


@dataclass(frozen=True)
class CanaryOptions:
    """The options of a rollout in waves, as given."""

    canary: list[str] | None = None
    users: list[str] | None = None
    limits: list[str] | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the flow's parameters.

        Raises:
            BadParameter: An option is malformed, or given without --canary.
        """
        if not self.canary:
            if self.users or self.limits:
                raise typer.BadParameter("it needs --canary", param_hint="--canary")
            return {}
        rules = {"users": self.users or [], **dict(map(_limit, self.limits or ()))}
        return {"canary": self._canary(), "canary_rules": rules}

    def _canary(self) -> int | list[str]:
        named = self.canary or []
        if len(named) == 1 and named[0].isdecimal():
            if not int(named[0]):
                raise typer.BadParameter("at least one canary is needed", param_hint="--canary")
            return int(named[0])
        return named


def show_rollout(report: "RolloutReport") -> None:
    """Print the health checks of each wave, and why the rollout was held."""
    from rich.table import Table
    from rich.text import Text

    console = stdout_console()
    table = Table("wave", "key", "job", "new failures", "deletes", "tried", "verdict", box=None, pad_edge=False)
    for wave in report.waves:
        for each in wave.verdicts:
            deletes = "?" if each.deletes is None else str(each.deletes)
            verdict = Text("healthy", style="green") if each.good else Text("; ".join(each.reasons), style="red")
            if each.remarks:
                verdict.append(f" ({'; '.join(each.remarks)})", style="dim")
            cells = (f"{wave.number} {wave.label}", each.key, each.state, str(each.failures), deletes)
            table.add_row(*map(Text, cells), Text("; ".join(each.tried) or "-"), verdict)
    console.print(table)
    for wave in report.waves:
        if wave.state == "pending":
            console.print(Text(f"{wave.name}: {len(wave.members)} instances, not started."))
    for line in report.why():
        stderr_console().print(Text(line), soft_wrap=True)


def _limit(text: str) -> tuple[str, float]:
    from flows.rollout.rules import CanaryRules

    name, _, number = text.partition("=")
    known = [each for each in CanaryRules.model_fields if each != "users"]
    if name not in known:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(known)}", param_hint="--canary-limit")
    try:
        CanaryRules.model_validate({name: number})
    except ValueError:
        raise typer.BadParameter(f"{number!r} is not a valid value for {name}", param_hint="--canary-limit") from None
    return name, float(number)

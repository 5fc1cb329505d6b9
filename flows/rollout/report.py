"""Progress of a rollout in waves, and why it was held."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flows.rollout.health_check import HealthCheck

_SHOWN = 20


@dataclass(frozen=True)
class WaveReport:
    """The instances of a wave, and their health checks."""

    number: int
    of: int
    members: tuple[str, ...]
    state: str
    verdicts: tuple[HealthCheck, ...] = ()

    @property
    def label(self) -> str:
        """Display label."""
        return "canaries" if self.number == 1 else "the rest" if self.number == self.of else "a tenth"

    @property
    def name(self) -> str:
        """Its number and label."""
        return f"wave {self.number} of {self.of} ({self.label})"

    @property
    def bad(self) -> tuple[HealthCheck, ...]:
        """The health checks that failed."""
        return tuple(each for each in self.verdicts if not each.good)

    def as_json(self) -> dict[str, Any]:
        """Return it as `apply --output json` prints it."""
        return {
            "number": self.number,
            "label": self.label,
            "keys": list(self.members),
            "state": self.state,
            "verdicts": [each.as_json() for each in self.verdicts],
        }


@dataclass(frozen=True)
class RolloutReport:
    """State of a rollout at the end of a run."""

    id: str
    waves: tuple[WaveReport, ...]
    resumed: bool = False
    """Whether an earlier run started it."""
    paused: tuple[str, ...] = ()
    """Keys of the jobs that were paused when it was held."""

    @property
    def held(self) -> WaveReport | None:
        """The wave after which it was held."""
        return next((each for each in self.waves if each.state == "held"), None)

    @property
    def untouched(self) -> tuple[str, ...]:
        """Keys of the instances whose wave has not started."""
        return tuple(key for each in self.waves if each.state == "pending" for key in each.members)

    def why(self) -> Iterator[str]:
        """Yield why it was held and what to do about it, one line each."""
        held = self.held
        if held is None:
            return
        bad = [f"{each.key}: {', '.join(each.reasons)}" for each in held.bad]
        reasons = "; ".join(bad[:_SHOWN]) + (f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else "")
        yield f"Held after {held.name}: {reasons}."
        yield f"Paused jobs: {_some(self.paused) or 'none'}. Not changed: {_some(self.untouched) or 'none'}."
        keys = "".join(f" --only {key}" for key in self.paused)
        yield "To continue, run apply again with --force: it resumes the paused jobs and checks this wave again."
        yield "To roll back, restore the previous fleet file and apply it; for mappings use entra-fleet schema restore."
        if keys:
            yield f"The next apply resumes the jobs. Now: entra-fleet jobs start FLEET{keys}"

    def as_json(self) -> dict[str, Any]:
        """Return it as `apply --output json` prints it."""
        return {
            "id": self.id,
            "resumed": self.resumed,
            "held": self.held is not None,
            "why": list(self.why()),
            "paused": list(self.paused),
            "waves": [each.as_json() for each in self.waves],
        }


def _some(keys: tuple[str, ...]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more

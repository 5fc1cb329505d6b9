"""What a command did for a fleet."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flows.plan.outcome import APPLIED, InstanceOutcome
from flows.rollout.report import RolloutReport


@dataclass(frozen=True)
class FleetOutcome:
    """What a command did."""

    fleet: str
    instances: Sequence[InstanceOutcome]
    requests: int
    seconds: float
    words: tuple[str, ...] = APPLIED
    """The outcomes that the command knows."""
    rollout: RolloutReport | None = None
    """How it went in waves, if it did."""

    @property
    def summary(self) -> dict[str, int]:
        """The number of instances by outcome, for every outcome."""
        counted = Counter(instance.outcome for instance in self.instances)
        return {word: counted[word] for word in self.words}

    @property
    def failed(self) -> int:
        """How many instances failed."""
        return self.summary["failed"]

    def as_json(self) -> dict[str, Any]:
        """Return what the command prints with `--output json`."""
        return {
            "fleet": self.fleet,
            "summary": self.summary,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "instances": [instance.as_json() for instance in self.instances],
            **({"canary": self.rollout.as_json()} if self.rollout else {}),
        }

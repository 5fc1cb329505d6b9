"""What a harvest did."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flows.monitoring.iso import iso
from flows.store import Gap


@dataclass(frozen=True)
class HarvestResult:
    """What a harvest did, or has done so far.

    Args:
        read: Events that Graph sent, those of other applications and those sent twice included.
        new: Events that were not in the store.
        watermark: The moment before which every event is stored.
        gaps: Spans that the log had forgotten before they were read, or that could not be read.
        dropped: Events of other applications, not stored.
        rewound_from: A watermark in the future, set by a wrong clock, that was taken back to the last event stored.
        progress: How much of the time from where it began up to now has been read, between 0 and 1.
    """

    read: int = 0
    new: int = 0
    watermark: datetime | None = None
    gaps: tuple[Gap, ...] = ()
    dropped: int = 0
    rewound_from: datetime | None = None
    progress: float = field(default=0.0, compare=False)

    def as_json(self) -> dict[str, Any]:
        """Return what `harvest --output json` prints."""
        gaps = [
            {"reason": gap.reason, "start": iso(gap.start), "end": iso(gap.end), "detail": gap.detail}
            for gap in self.gaps
        ]
        return {
            "read": self.read,
            "new": self.new,
            "watermark": iso(self.watermark),
            "gaps": gaps,
            "rewound_from": iso(self.rewound_from),
        }

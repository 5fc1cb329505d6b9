"""A progress bar in the Prefect UI."""

import time
from typing import Self
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact

from flows.artifacts.tables import artifact_key

_SECONDS_BETWEEN_UPDATES = 2.0
"""Each update costs a call to Prefect."""


class ProgressArtifact:
    """The progress of one phase of a run as an artifact; created by `start`."""

    def __init__(self, artifact_id: UUID, total: int) -> None:
        self._id = artifact_id
        self._total = total
        self._next_update = 0.0

    @classmethod
    async def start(cls, fleet: str, phase: str, total: int) -> Self:
        """Show a bar at 0 %.

        Args:
            fleet: Name of the fleet.
            phase: Name of the phase, such as `provision`.
            total: Number of items to process.
        """
        made = await acreate_progress_artifact(
            progress=0.0, key=artifact_key(fleet, phase), description=f"{fleet}: {phase}"
        )
        return cls(made, total)

    async def show(self, done: int) -> None:
        """Update the bar, at most once per interval; its end is always shown."""
        now = time.monotonic()
        if done < self._total and now < self._next_update:
            return
        self._next_update = now + _SECONDS_BETWEEN_UPDATES
        await aupdate_progress_artifact(self._id, progress=100.0 * done / self._total if self._total else 100.0)

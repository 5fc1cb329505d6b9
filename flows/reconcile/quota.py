"""Stopping a run when the directory takes no more objects."""

from flows.reconcile.steps.failure import StepFailed

EXCEEDED = "Directory_QuotaExceeded"


class Quota:
    """Whether a run may begin more instances; the first refusal speaks for all."""

    def __init__(self) -> None:
        self._refusal: StepFailed | None = None

    def heed(self, failure: StepFailed) -> None:
        """Note a failure, if it is the quota's."""
        if failure.code == EXCEEDED:
            self._refusal = failure

    def check(self, key: str) -> None:
        """Let an instance begin.

        Raises:
            StepFailed: The quota was exceeded by another one.
        """
        if self._refusal:
            message = f"{key} was not begun: the directory takes no more objects."
            raise StepFailed(EXCEEDED, message, self._refusal.hint, step=self._refusal.step)

"""Stopping a run when what is wrong is wrong with its caller, and every further instance would fail alike."""

from collections.abc import Iterator
from contextlib import contextmanager

from flows.errors import StepFailed

EXCEEDED = "Directory_QuotaExceeded"


class CallerBreaker:
    """Whether a run may begin more instances; the first refusal speaks for all.

    Args:
        permissions_known: Whether the token showed that it has every permission that the run needs. What Graph refuses
            then is a matter of the one instance, and stops no other.
    """

    def __init__(self, *, permissions_known: bool = True) -> None:
        self.permissions_known = permissions_known
        self._refusal: StepFailed | None = None

    @contextmanager
    def guard(self, key: str, *, creating: bool) -> Iterator[None]:
        """Let an instance begin, and note its failure if it is the caller's.

        Args:
            key: Of the instance.
            creating: Whether it is to be created; what is there may be withheld from the caller for its own reasons.

        Raises:
            StepFailed: It failed, or another one failed of what this one would fail of.
        """
        self.check(key)
        try:
            yield
        except StepFailed as failure:
            self.heed(failure, creating=creating)
            raise

    def heed(self, failure: StepFailed, *, creating: bool) -> None:
        """Note a failure, if it is the caller's.

        Args:
            failure: Why an instance failed.
            creating: Whether it was to be created; what is there may be withheld from the caller for its own reasons.
        """
        if failure.code == EXCEEDED or (failure.denied and creating and not self.permissions_known):
            self._refusal = self._refusal or failure

    def check(self, key: str) -> None:
        """Let an instance begin.

        Raises:
            StepFailed: Another one failed of what this one would fail of.
        """
        refusal = self._refusal
        if refusal is None:
            return
        why = "the directory takes no more objects"
        if refusal.code != EXCEEDED:
            why = f"Graph refused {refusal.step} to this caller"
        raise StepFailed(refusal.code, f"{key} was not begun: {why}.", refusal.hint, step=refusal.step)

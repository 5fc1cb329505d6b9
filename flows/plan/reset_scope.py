"""What a restart of a job may forget, and what that would mean."""

from collections.abc import Collection
from enum import StrEnum

from flows.errors import StepFailed


class ResetScope(StrEnum):
    """Graph's names for what a restart forgets.

    Source: https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationjobrestartcriteria
    """

    QUARANTINE_STATE = "QuarantineState"
    WATERMARK = "Watermark"
    ESCROWS = "Escrows"
    CONNECTOR_DATA_STORE = "ConnectorDataStore"
    FULL = "Full"
    FORCE_DELETES = "ForceDeletes"
    NONE = "None"


SAFE = ResetScope.QUARANTINE_STATE
"""Lifts a quarantine and forgets nothing: the next cycle goes on where the last one ended."""

_DANGERS = {
    ResetScope.WATERMARK: "reads and evaluates every object again, in an initial cycle that may take hours",
    ResetScope.ESCROWS: "no longer tries the objects that failed, unless Watermark is reset too",
    ResetScope.CONNECTOR_DATA_STORE: "empties the cache of all users, which only Microsoft's support should ask for",
    ResetScope.FULL: "does all that Watermark, Escrows and ConnectorDataStore do",
    ResetScope.NONE: "is documented as not to be used; jobs start is what resumes a job",
}


def reset_scope(wanted: Collection[ResetScope], *, force: bool) -> str:
    """Return the reset scope as Graph takes it; without any wanted, the one that forgets nothing.

    Raises:
        StepFailed: One of them is dangerous and not forced, or is none that a machine may use.
    """
    scopes = [scope for scope in ResetScope if scope in wanted] or [SAFE]
    if ResetScope.FORCE_DELETES in scopes:
        raise StepFailed(
            "ResetRefused",
            "ForceDeletes does the deletions that the delete threshold holds back: only a person may decide that.",
            "In the portal: Enterprise applications > the application > Provisioning > Allow deletes.",
            step="restart-job",
        )
    dangers = [f"{scope} {_DANGERS[scope]}" for scope in scopes if scope in _DANGERS]
    if dangers and not force:
        raise StepFailed(
            "ResetRefused",
            f"A reset of {' and '.join(scope for scope in scopes if scope in _DANGERS)} needs --force.",
            f"{'; '.join(dangers)}.",
            step="restart-job",
        )
    return ", ".join(scopes)

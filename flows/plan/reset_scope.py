"""The reset scopes of a job restart, and their effects."""

from collections.abc import Collection
from enum import StrEnum

from flows.errors import StepFailed


class ResetScope(StrEnum):
    """Graph's reset scopes.

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
"""Lifts a quarantine and resets nothing else: the next cycle continues where the last one ended."""

_DANGERS = {
    ResetScope.WATERMARK: "reads and evaluates every object again, in an initial cycle that may take hours",
    ResetScope.ESCROWS: "stops retrying failed objects, unless Watermark is reset too",
    ResetScope.CONNECTOR_DATA_STORE: "clears the cache of all users; use it only if Microsoft support asks for it",
    ResetScope.FULL: "combines Watermark, Escrows and ConnectorDataStore",
    ResetScope.NONE: "must not be used according to Microsoft; jobs start resumes a job",
}


def reset_scope(wanted: Collection[ResetScope], *, force: bool) -> str:
    """Return the reset scope as Graph takes it; by default, the one that only lifts quarantines.

    Raises:
        StepFailed: One of them needs --force, or is never allowed.
    """
    scopes = [scope for scope in ResetScope if scope in wanted] or [SAFE]
    if ResetScope.FORCE_DELETES in scopes:
        raise StepFailed(
            "ResetRefused",
            "ForceDeletes carries out the deletions held by the delete threshold, which only a person may decide.",
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

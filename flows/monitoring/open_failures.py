"""Who is failing now, by cause."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.formatting import format_iso
from flows.monitoring.triage import Explanation, explain_error
from flows.store import OpenFailure


@dataclass(frozen=True)
class FailureCause:
    """Users and groups that fail for one cause."""

    explanation: Explanation
    """What the cause means and what to do; its commands are for the first of `keys`."""
    failures: Sequence[OpenFailure]

    @property
    def keys(self) -> list[str]:
        """The instances concerned, those with the most failures first."""
        return [key for key, _ in Counter(each.key for each in self.failures if each.key).most_common()]

    @property
    def since(self) -> datetime:
        """When the first of them began to fail."""
        return min(each.failing_since for each in self.failures)

    @property
    def newest(self) -> OpenFailure:
        """The one that failed last."""
        return max(self.failures, key=lambda each: each.activity_at)

    def as_json(self) -> dict[str, Any]:
        """Return what `failures --output json` prints of it."""
        newest = self.newest
        return {
            "code": self.explanation.code,
            "count": len(self.failures),
            "instances": self.keys,
            "failing_since": format_iso(self.since),
            "example": {
                "key": newest.key,
                "name": newest.source_name,
                "id": newest.source_id,
                "at": format_iso(newest.activity_at),
                "reason": newest.reason,
                "recommended_action": newest.recommended_action,
            },
            **self.explanation.as_json(),
        }


def group_by_cause(failures: Iterable[OpenFailure]) -> list[FailureCause]:
    """Return failures by what causes them, the commonest cause first.

    One code may have several causes: an HTTP status in Microsoft's words says more than a general code.
    """
    groups: dict[tuple[str | None, str | None, str], list[OpenFailure]] = {}
    for each in failures:
        known = _explain(each, None)
        groups.setdefault((known.code, known.cause, known.proposal.text), []).append(each)
    causes = [FailureCause(_explain(same[0], _first_key(same)), same) for same in groups.values()]
    return sorted(causes, key=lambda cause: (-len(cause.failures), cause.since))


def _first_key(failures: Sequence[OpenFailure]) -> str | None:
    keys = Counter(each.key for each in failures if each.key).most_common(1)
    return keys[0][0] if keys else None


def _explain(failure: OpenFailure, key: str | None) -> Explanation:
    return explain_error(failure.error_code, failure.recommended_action, key, reason=failure.reason)

"""Counts as a person reads them."""

from collections.abc import Mapping
from datetime import datetime


def format_iso(moment: datetime | None) -> str | None:
    """Return a moment as Graph writes it, in UTC with a Z."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def format_count(counts: Mapping[str, int]) -> str:
    """Return `3 created, 1 failed`, in the order given and without the zeros; empty if there is nothing to say."""
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)

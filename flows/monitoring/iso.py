"""Moments in the JSON that commands print."""

from datetime import datetime


def iso(moment: datetime | None) -> str | None:
    """Return a moment as Graph writes it, in UTC with a Z."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None

"""Numbers, moments and texts, formatted for people."""

from datetime import datetime


def format_duration(seconds: float) -> str:
    """Return a time span in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [
        f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")) if number
    ]
    return " ".join(parts[:2]) or "0 s"


def format_moment(at: datetime | None) -> str:
    """Return a moment to the minute, in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "-"


def format_number(count: int) -> str:
    """Return a number with separated thousands."""
    return f"{count:,}"


def shorten_text(text: str, length: int = 80) -> str:
    """Return a text, cut to the length that fits on a page."""
    return text if len(text) <= length else f"{text[: length - 1]}…"

"""Text for people: counts, moments, Markdown and escaped control characters."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime


def format_iso(moment: datetime | None) -> str | None:
    """Return a moment as Graph writes it, in UTC with a Z."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def format_count(counts: Mapping[str, int]) -> str:
    """Return `3 created, 1 failed`, in the order given and without the zeros; empty if there is nothing to say."""
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)


def format_number(number: int, noun: str, plural: str = "") -> str:
    """Return `1 instance`, `2 instances`; a plural that is not the noun with an s is given."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


# C0 but for tab and line feed, DEL, C1, what turns the direction, line breaks of Unicode, halves of characters.
_STEERING = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_IN_TEXT = re.compile(rf"[\x00-\x08\x0b-\x1f{_STEERING}]")
_IN_JSON = re.compile(f"[{_STEERING}]")
_NOT_ASCII = re.compile(r"[^\x00-\x7e]")


def escape_controls(text: str) -> str:
    """Return a text in which control characters show as escapes; tabs and line feeds stay."""
    return _IN_TEXT.sub(_visible, text)


def escape_json(text: str, *, ascii_only: bool = False) -> str:
    """Return JSON that says the same, with what JSON itself leaves unescaped of control characters escaped.

    Args:
        text: JSON, in which such characters stand within strings only.
        ascii_only: Escape all that is not ASCII.
    """
    return (_NOT_ASCII if ascii_only else _IN_JSON).sub(_json_escape, text)


def _visible(found: re.Match[str]) -> str:
    point = ord(found[0])
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"


def _json_escape(found: re.Match[str]) -> str:
    return "\\u007f" if found[0] == "\x7f" else json.dumps(found[0])[1:-1]  # json leaves DEL as it is


_SIGNS = {ord(sign): f"&#{ord(sign)};" for sign in "&<>|*_[]~\\"}
"""What Markdown and HTML read something into; the backtick is left for commands."""

# GitHub and Azure DevOps look for these after Markdown was read: only something between the two keeps them apart.
_SIGNS |= {ord(sign): f"&#{ord(sign)};<!-- -->" for sign in "@#!"}
_LINKS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)


def escape_markdown(text: str) -> str:
    """Return a text that Markdown, and HTML in Markdown, takes for nothing but text, on one line."""
    unlinked = _LINKS.sub(lambda sign: f"&#{ord(sign[0])};", text.translate(_SIGNS))
    return escape_controls(" ".join(unlinked.split()))


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the cells are Markdown already, each on one line."""
    lines = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *lines])

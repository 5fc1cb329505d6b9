"""Markdown in which a name stays a name."""

from collections.abc import Iterable, Sequence

_SIGNS = {ord(sign): f"&#{ord(sign)};" for sign in "&<>|*_[]#~\\"}
"""What Markdown and HTML read something into; the backtick is left for commands."""


def plain(text: str) -> str:
    """Return a text that Markdown, and HTML in Markdown, takes for nothing but text, on one line."""
    return " ".join(text.translate(_SIGNS).split())


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the cells are Markdown already, each on one line."""
    lines = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *lines])

"""Markdown in which a name stays a name."""

import re
from collections.abc import Iterable, Sequence

from flows.formatting.control_characters import escape_controls

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

"""Where commands print: one document on standard output, everything for a person to watch on standard error.

Whatever is printed goes through here, since texts from outside are data: a name is never markup, a terminal control
sequence or a traceback about its encoding.
"""

import io
import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from flows.formatting.control_characters import escape_controls, escape_json

if TYPE_CHECKING:
    from flows.errors import StepFailed


class _PlainConsole(Console):
    """A console that takes texts for nothing but text: no markup, no emoji names, no control characters."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, with control characters that are no part of the style as escapes."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escape_controls(segment.text), segment.style)


def stdout_console() -> Console:
    """Return the console for what a person reads as the result of a command."""
    return _PlainConsole()


def stderr_console() -> Console:
    """Return the console for what goes on meanwhile."""
    return _PlainConsole(stderr=True)


def show_failure(key: str, failure: "StepFailed") -> None:
    """Print why an instance failed, and at which step."""
    stderr_console().print(Text(f"\n{key} failed at {failure.step}:\n{failure}"), soft_wrap=True)


def show_error(text: str) -> None:
    """Print why the command ends."""
    sys.stderr.write(f"{escape_controls(text)}\n")


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    print_json_text(json.dumps(document, indent=2, ensure_ascii=False))


def print_json_text(text: str) -> None:
    """Print JSON that is text already, as a line or lines of their own; it says the same in every encoding."""
    encoding = (sys.stdout.encoding or "utf-8").lower()
    sys.stdout.write(escape_json(text, ascii_only=not encoding.startswith("utf")) + "\n")


def print_text(text: str) -> None:
    """Print a text for a program or a file on standard output, as it is but for control characters."""
    sys.stdout.write(escape_controls(text))


def accept_any_encoding() -> None:
    """Have standard output and error print an escape where their encoding lacks a character, and never fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

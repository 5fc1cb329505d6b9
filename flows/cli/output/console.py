"""Where commands print: one document on standard output, progress and messages on standard error.

All output goes through here because external text is data: a name must never act as markup or as a terminal control
sequence, nor fail because of its encoding.
"""

import io
import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.segment import Segment
from rich.text import Text

from flows.formatting.text import escape_controls, escape_json
from flows.run.job_events import NOTE, Progress, watch_progress

if TYPE_CHECKING:
    from flows.errors import StepFailed


_PIPE_WIDTH = 10_000
"""A pipe and a file are as wide as they need to be: what reads them wraps nothing."""


class _PlainConsole(Console):
    """A console that prints text literally: no markup, no emoji names, no control characters."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)
        if self._width is None and not self.is_terminal:
            self.width = _PIPE_WIDTH

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, escaping control characters that are not part of the style."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escape_controls(segment.text), segment.style)


def stdout_console() -> Console:
    """Return the console for the result of a command."""
    return _PlainConsole()


def stderr_console() -> Console:
    """Return the console for progress and messages."""
    return _PlainConsole(stderr=True)


_fleet_file: ContextVar[str] = ContextVar("fleet_file", default="FLEET")
_COMMAND = re.compile(r"(?P<command>\bentra-fleet(?: [a-z]+){1,2}) FLEET\b")


def use_fleet_file(path: Path | None) -> None:
    """Have the commands that hints recommend name this fleet file; None leaves `FLEET` in them."""
    _fleet_file.set("FLEET" if path is None else shlex.quote(str(path)))


def name_fleet_file(text: str) -> str:
    """Return a text whose commands name the fleet file that this command was given, quoted for a shell."""
    return _COMMAND.sub(lambda found: f"{found['command']} {_fleet_file.get()}", text)


def print_lines(lines: Iterable[str | Text], console: Console, *, indent: int = 0) -> None:
    """Print indented lines: on a terminal words wrap, in a pipe a line stays one."""
    for line in lines:
        text = Text(line) if isinstance(line, str) else line
        # A command stays one line too: pasted in two, its first half would run.
        if console.is_terminal and "entra-fleet " not in text.plain:
            console.print(Padding(text, (0, 0, 0, indent), expand=False))
        else:
            console.print(Text.assemble(" " * indent, text), soft_wrap=True)


def show_failure(key: str, failure: "StepFailed") -> None:
    """Print the step and the reason of a failed instance."""
    reason = name_fleet_file(str(failure))
    stderr_console().print(Text(f"\n{key} failed at {failure.step}:\n{reason}"), soft_wrap=True)


def show_error(text: str) -> None:
    """Print the error that ends the command."""
    sys.stderr.write(f"{escape_controls(name_fleet_file(text))}\n")


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    print_json_text(json.dumps(document, indent=2, ensure_ascii=False))


def print_json_text(text: str) -> None:
    """Print JSON text followed by a newline; characters outside the encoding are escaped."""
    encoding = (sys.stdout.encoding or "utf-8").lower()
    sys.stdout.write(escape_json(text, ascii_only=not encoding.startswith("utf")) + "\n")


def print_text(text: str) -> None:
    """Print text for a program or a file on standard output, with control characters escaped."""
    sys.stdout.write(escape_controls(text))


def accept_any_encoding() -> None:
    """Make standard output and error escape characters that their encoding lacks instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


_WORDS = {
    "provision": "provisioning instances",
    "monitor": "waiting for jobs to settle",
    "harvest": "harvesting provisioning events",
}


@contextmanager
def show_progress(opening: str) -> Iterator[None]:
    """Show a bar for each phase on standard error, if that is a terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description:32}", markup=False), BarColumn(24), MofNCompleteColumn())
    console = stderr_console()
    with Bars(
        *columns,
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}", style="dim", markup=False),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        first = bars.add_task(opening, total=None, text="")
        phases = {}

        def show(progress: Progress) -> None:
            if progress.phase == NOTE:
                # Printed even without a terminal.
                console.print(progress.text, soft_wrap=True, markup=False)
                return
            bars.update(first, visible=False)
            if progress.phase not in phases:
                phases[progress.phase] = bars.add_task(_WORDS.get(progress.phase, progress.phase), text="")
            task = phases[progress.phase]
            bars.update(task, completed=progress.done, total=progress.total or None, text=progress.text)

        with watch_progress(show):
            yield

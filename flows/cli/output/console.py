"""Where commands print: one document on standard output, progress and messages on standard error.

All output goes through here because external text is data: a name must never act as markup or as a terminal control
sequence, nor fail because of its encoding.
"""

import io
import json
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.segment import Segment
from rich.table import Column
from rich.text import Text

from flows.formatting import escape_controls, escape_json, format_number
from flows.run.progress import NOTE, STEP, Progress, watch_progress

if TYPE_CHECKING:
    from flows.errors import StepFailed


class Output(StrEnum):
    """What a command prints on standard output."""

    TEXT = "text"
    JSON = "json"


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
            # Control segments are Rich's own: they move the cursor.
            yield segment if segment.control else Segment(escape_controls(segment.text), segment.style)


def stdout_console() -> Console:
    """Return the console for the result of a command."""
    return _PlainConsole()


def stderr_console() -> Console:
    """Return the console for progress and messages."""
    return _PlainConsole(stderr=True)


_ANY_FLEET = "FLEET"
_fleet_file: ContextVar[str] = ContextVar("fleet_file", default=_ANY_FLEET)
_COMMAND = re.compile(r"(?P<command>\bentra-fleet(?: [a-z]+){1,2}) FLEET\b")


def use_fleet_file(path: Path | None) -> None:
    """Have the commands that hints recommend name this fleet file; None leaves `FLEET` in them."""
    _fleet_file.set(_ANY_FLEET if path is None else shlex.quote(str(path)))


def name_fleet_file(text: str) -> str:
    """Return a text whose commands name the fleet file that this command was given, quoted for a shell."""
    return _COMMAND.sub(lambda found: f"{found['command']} {_fleet_file.get()}", text)


_LAST_COMMAND = re.compile(r"(?:^|(?<=: ))entra-fleet [a-z].*$")
_TEXT_WIDTH_MIN = 20
_COMMAND_INDENT = "    "


def print_lines(lines: Iterable[str | Text], console: Console, *, indent: int = 0, hang: int = 0) -> None:
    """Print lines: on a terminal they wrap between words, in a pipe each stays one line.

    Args:
        lines: The lines; a line feed in one begins another.
        console: Where to print.
        indent: Blanks before each.
        hang: Width of the label that each begins with; what wraps stands to the right of it.
    """
    for line in lines:
        for text in (Text(line) if isinstance(line, str) else line).split("\n"):
            label = text[:hang] if hang else Text()
            for part in _wrap(text[hang:], console, indent + hang):
                console.print(Text.assemble(" " * indent, label, part), soft_wrap=True)
                label = Text(" " * hang)


def print_note(*lines: str | Text) -> None:
    """Print messages on standard error; commands in them name the fleet file."""
    named = (name_fleet_file(line) if isinstance(line, str) else line for line in lines)
    print_lines(named, stderr_console())


def _wrap(text: Text, console: Console, margin: int) -> Iterable[Text]:
    width = max(console.width - margin, _TEXT_WIDTH_MIN)
    if not console.is_terminal or text.cell_len <= width:
        return [text]
    if "entra-fleet " not in text.plain:
        return text.wrap(console, width)
    # A command stays in one line: pasted in two, its first half would run.
    command = _LAST_COMMAND.search(text.plain)
    if command is None or not command.start():
        return [text]
    prose = text[: command.start()]
    prose.rstrip()
    return [*prose.wrap(console, width), Text.assemble(_COMMAND_INDENT, text[command.start() :])]


def show_failure(key: str, failure: "StepFailed") -> None:
    """Print the step and the reason of a failed instance."""
    print_note(f"\n{key} failed at {failure.step}:\n{failure}")


def show_error(text: str) -> None:
    """Print the error that ends the command."""
    print_note(escape_controls(text))


def show_traceback(text: str) -> None:
    """Print the traceback of a defect."""
    sys.stderr.write(f"{escape_controls(text)}\n")


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    print_json_text(json.dumps(document, indent=2, ensure_ascii=False))


def print_json_text(text: str, end: str = "\n") -> None:
    """Print JSON text followed by a newline, or by `end`; characters outside the encoding are escaped."""
    # backslashreplace would write \x.., which is no JSON; \u.... is.
    encoding = (sys.stdout.encoding or "utf-8").lower()
    sys.stdout.write(escape_json(text, ascii_only=not encoding.startswith("utf")) + end)


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
_BAR_WIDTH = 24
_NARROW = 80
_KEYS_SHOWN = 5
_AGAIN = "Run the same command again: it finishes what was begun, and creates nothing twice."


class RunProgress:
    """What is known of a run while it lasts: bars on a terminal, and the step of each instance under way.

    Args:
        bars: Where the bars are drawn.
        opening: What to show until the first phase begins.
    """

    def __init__(self, bars: Bars, opening: str) -> None:
        self._bars = bars
        self._opening = bars.add_task(opening, total=None, text="")
        self._phases: dict[str, TaskID] = {}
        self._latest: Progress | None = None
        self._began = False
        self.steps: dict[str, str] = {}
        """The step of each instance that was begun and is not finished, by its key."""

    def show(self, progress: Progress) -> None:
        """Draw one thing that happened; a note is printed even without a terminal."""
        if progress.phase == NOTE:
            print_lines([progress.text], self._bars.console)
            return
        self._began = self._began or bool(progress.key)
        if progress.phase == STEP:
            self.steps[progress.key] = progress.text
            if self._latest:
                self._draw(self._latest)
            return
        self.steps.pop(progress.key, None)
        self._latest = progress
        self._draw(progress)

    def _draw(self, progress: Progress) -> None:
        self._bars.update(self._opening, visible=False)
        if progress.phase not in self._phases:
            words = _WORDS.get(progress.phase, progress.phase)
            self._phases[progress.phase] = self._bars.add_task(words, text="")
        text = format_steps(self.steps) or progress.text
        task = self._phases[progress.phase]
        self._bars.update(task, completed=progress.done, total=progress.total or None, text=text)

    def format_interruption(self) -> str:
        """Return what was finished, begun and left when the run was interrupted, and what to do."""
        latest = self._latest
        if not self._began:
            return format_interruption()
        if latest is None or not (latest.key or self.steps):
            return f"Interrupted.\n{_AGAIN}"
        left = latest.total - latest.done - len(self.steps)
        begun = [f"{key} ({step})" for key, step in list(self.steps.items())[:_KEYS_SHOWN]]
        more = [f"{len(self.steps) - _KEYS_SHOWN} more"] if len(self.steps) > _KEYS_SHOWN else []
        under_way = f" Begun: {', '.join([*begun, *more])}." if begun else ""
        return (
            f"Interrupted: {latest.done} of {format_number(latest.total, 'instance')} finished, "
            f"{len(self.steps)} begun, {max(left, 0)} left.{under_way}\n"
            f"{_AGAIN}"
        )


class ShownInterruption(KeyboardInterrupt):
    """An interruption of which everything has been said."""


def format_interruption() -> str:
    """Return the message for a command that was interrupted before it began to change anything."""
    return "Interrupted." if _fleet_file.get() == _ANY_FLEET else "Interrupted. Nothing was changed."


def format_steps(steps: dict[str, str]) -> str:
    """Return how many instances are under way, and at which steps."""
    counts = Counter(steps.values()).most_common()
    return f"{len(steps)} under way: {', '.join(f'{number} {step}' for step, number in counts)}" if steps else ""


@contextmanager
def show_progress(opening: str) -> Iterator[None]:
    """Show a bar for each phase on standard error if that is a terminal, and how far an interrupted run got."""
    console = stderr_console()
    with Bars(
        *_columns(console), console=console, transient=True, disable=not console.is_terminal, expand=True
    ) as bars:
        progress = RunProgress(bars, opening)
        try:
            with watch_progress(progress.show):
                yield
        except KeyboardInterrupt:
            bars.stop()
            print_lines([progress.format_interruption()], console)
            raise ShownInterruption from None


def _columns(console: Console) -> list[SpinnerColumn | TextColumn | BarColumn | MofNCompleteColumn | TimeElapsedColumn]:
    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    bar = [BarColumn(_BAR_WIDTH)] if console.width > _NARROW else []
    return [
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        *bar,
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}", style="dim", markup=False, table_column=rest),
    ]

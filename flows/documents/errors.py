"""What is wrong in a fleet file, and where."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

from flows.base_error import EntraFleetError

PROBLEMS_SHOWN = 10
LINE_BREAK = re.compile(r"\r\n|\r|\n")  # as editors count lines


class Place(NamedTuple):
    """A field in a file; lines and columns count from 1, line 0 means the file as a whole."""

    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        position = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (position, self.path) if part)


class Lines:
    """The lines of a text, to turn an offset into a position."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.starts = [0, *(match.end() for match in LINE_BREAK.finditer(text))]

    def place(self, offset: int, path: str = "") -> Place:
        """The place of the character at `offset`."""
        line = bisect_right(self.starts, offset)
        return Place(self.file, line, offset - self.starts[line - 1] + 1, path)


class Problem(NamedTuple):
    """One thing to correct: what is wrong at a place, and what to do about it."""

    place: Place
    what: str
    advice: str

    def __str__(self) -> str:
        where = str(self.place)
        return f"{where}: {self.what}\n{self.advice}" if where else f"{self.what}\n{self.advice}"


class FleetFileError(EntraFleetError):
    """The fleet is invalid: the message names each problem with its place and what to do."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        files = {problem.place.file: index for index, problem in reversed(list(enumerate(problems)))}
        # By file in the order of their first problem, then from top to bottom.
        order = sorted(dict.fromkeys(problems), key=lambda one: (files[one.place.file], *one.place[1:3]))
        self.problems: tuple[Problem, ...] = tuple(order)
        super().__init__(self._format())

    def _format(self) -> str:
        lines = [str(problem) for problem in self.problems[:PROBLEMS_SHOWN]]
        more = len(self.problems) - PROBLEMS_SHOWN
        if more > 0:
            lines.append(f"and {more} more")
        return "\n".join(lines)


def format_refusal(place: Place, what: str, advice: str) -> FleetFileError:
    """The error for a single problem that stops the reader."""
    return FleetFileError([Problem(place, what, advice)])


def suggest_nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name closest to a misspelt one, if any."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None

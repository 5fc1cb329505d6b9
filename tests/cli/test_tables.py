"""Tables are never wider than a terminal, and a pipe gets all of it."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from flows.cli.output.tables import Column, print_table

ID = "884026d9-4bf7-4a8b-857c-8bf8b28d89ff"
COLUMNS = (Column("key"), Column("id", drop=1), Column("other id", drop=2), Column("why", prose=True))
ROW = ("one", ID, ID[::-1], "the target system refused the credentials three times")


def printed(width, *, terminal=True, rows=(ROW,)):
    out = io.StringIO()
    print_table(COLUMNS, rows, Console(file=out, width=width, force_terminal=terminal, color_system=None))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(("width", "kept"), [(200, 2), (110, 2), (80, 1), (60, 0), (40, 0)])
def test_whole_columns_go_and_no_id_is_cut(width, kept):
    lines = printed(width)
    assert max(map(len, lines)) <= width
    assert [ID in "\n".join(lines), ID[::-1] in "\n".join(lines)] == [kept >= 1, kept >= 2]
    assert " ".join("".join(f" {line}" for line in lines).split()).endswith("times")


def test_a_pipe_has_one_line_a_row_and_no_blanks_at_its_end():
    long = "x" * 300
    lines = printed(10_000, terminal=False, rows=[ROW, ("two", ID, "-", long)])
    assert [line.split()[0] for line in lines] == ["key", "one", "two"]
    assert long in lines[2]
    assert all(line == line.rstrip() for line in lines)


def test_wide_characters_keep_the_columns_in_line():
    rows = [("日本", ID, "-", "-"), (Text("eu"), ID, "-", "-")]
    lines = printed(10_000, terminal=False, rows=rows)
    assert lines[1].index(ID) + 2 == lines[2].index(ID)

"""Texts wrap between words on a terminal, commands stay whole, and a pipe has one line for each."""

import io

import pytest
from rich.console import Console

from flows.cli.output.console import print_lines
from flows.cli.output.tables import Column, print_table

COMMAND = "entra-fleet rotate fleet.yaml --only a-key-that-is-rather-long"


def printed(print_to, width, *, terminal=True):
    out = io.StringIO()
    print_to(Console(file=out, width=width, force_terminal=terminal, color_system=None))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_word_is_cut_and_what_wraps_stands_beside_its_label(width):
    words = "permission  read the provisioning log and every job of the tenant with it"
    lines = printed(lambda console: print_lines([words], console, hang=12), width)
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()) == " ".join(words.split())
    assert [line[:12].isspace() for line in lines] == [False] + [True] * (len(lines) - 1)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_command_is_a_line_of_its_own_where_it_does_not_fit_beside_its_sentence(width):
    lines = printed(
        lambda console: print_lines([f"They expire in 9 days. Renew them, then: {COMMAND}"], console), width
    )
    assert lines[-1].strip() == COMMAND
    assert " ".join(lines[:-1]).endswith("then:")


def test_in_a_pipe_a_text_is_one_line():
    text = f"They expire: {COMMAND}"
    assert printed(lambda console: print_lines([text], console), 40, terminal=False) == [text]


@pytest.mark.parametrize(("width", "stacked"), [(100, False), (50, True), (30, True)])
def test_prose_goes_below_its_row_where_the_columns_do_not_fit(width, stacked):
    columns = (Column("time"), Column("key"), Column("who", prose=True), Column("by", prose=True), Column("x", drop=1))
    row = ("2026-11-26 17:06:20Z", "a-rather-long-key", "Zoë Bowen", "somebody-with-a-long-name", "gone")
    lines = printed(lambda console: print_table(columns, [row], console), width)
    assert max(map(len, lines)) <= width
    assert all(cell in "\n".join(lines) for cell in row[1:4])
    assert (" ".join(" ".join(lines).split()).endswith(f"by: {row[3]}")) is stacked

import csv
import io
import json

import pytest

from flows.cli.output.records import Format, format_cell, print_records


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("  =1", "'  =1"),
        ("\u00a0=1", "'\u00a0=1"),
        ("\u200b=1", "'\u200b=1"),
        ("\ufeff=1", "'\ufeff=1"),
        ("\uff1dHYPERLINK(1)", "'\uff1dHYPERLINK(1)"),
        (" \uff0b1", "' \uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20SUM(A1)", "'\uff20SUM(A1)"),
        ("  a", "  a"),
        (-1, "'-1"),
        ("a=1", "a=1"),
        ("", ""),
        (None, ""),
        (7, "7"),
        ([{"field": "é"}], '[{"field": "é"}]'),
    ],
)
def test_a_cell_that_no_spreadsheet_takes_for_a_formula(value, shown):
    assert format_cell(value) == shown


def test_records_are_printed_as_they_come(capsys):
    def records():
        yield {"a": "one", "b": [1]}
        assert json.loads(capsys.readouterr().out) == {"a": "one", "b": [1]}
        yield {"a": "two", "b": None}

    print_records(records(), ("a", "b"), Format.JSONL)
    assert json.loads(capsys.readouterr().out) == {"a": "two", "b": None}


def test_a_table_keeps_what_is_hard_in_a_table(capsys):
    record = {"a": 'comma, "quote"\nand line', "b": "x"}
    print_records([record], ("a", "b"), Format.CSV)
    assert list(csv.DictReader(io.StringIO(capsys.readouterr().out))) == [record]

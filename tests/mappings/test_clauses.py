"""Scoping filters as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.mappings.clauses import Clause, ClauseError, format_clause, parse_clause
from flows.mappings.table import filter_groups
from tests.mappings.schemas import NAMES, OPERATORS

CLAUSE = st.builds(Clause, NAMES, OPERATORS.filter(bool), st.lists(NAMES, max_size=3).map(tuple))


@given(st.lists(CLAUSE, min_size=1, max_size=3))
def test_whatever_graph_has_is_written_and_read_again(clauses):
    read = parse_clause(format_clause(clauses))
    assert [each.normalize for each in read] == [each.normalize for each in clauses]


@pytest.mark.parametrize(
    ("line", "clauses"),
    [
        ("department equals Sales", [("department", "EQUALS", ("Sales",))]),
        (
            "department equals Sales and accountEnabled is true",
            [("department", "EQUALS", ("Sales",)), ("accountEnabled", "IS TRUE", ())],
        ),
        ("jobTitle is not null AND x is null", [("jobTitle", "IS NOT NULL", ()), ("x", "IS NULL", ())]),
        ('title not equals "Head of and", B', [("title", "NOT EQUALS", ("Head of and", "B"))]),
        ("hired greater than or equals 2027-01-01", [("hired", "GREATER_THAN_OR_EQUALS", ("2027-01-01",))]),
        ("hired GREATER_THAN 7", [("hired", "GREATER_THAN", ("7",))]),
        ("upn regex match ^a.*(b|c)$", [("upn", "REGEX MATCH", ("^a.*(b|c)$",))]),
        ("[a b] {NEW THING} x", [("a b", "NEW THING", ("x",))]),
        ("x {EQUALS}", [("x", "EQUALS", ())]),
    ],
)
def test_a_line_is_read(line, clauses):
    assert [(each.attribute, each.operator, each.values) for each in parse_clause(line)] == clauses


@pytest.mark.parametrize(
    ("line", "what", "at"),
    [
        ("", "the name of an attribute is missing", 1),
        ("department", "an operator is missing", 11),
        ("department is Sales", "an operator is missing", 12),
        ("department equals", "'equals' needs a value", 18),
        ("department equals Sales accountEnabled is true", "'and' is missing", 25),
        ("accountEnabled is true true", "'is true' takes no value", 24),
        ("department equals Sales,", "a value is missing after the comma", 25),
        ('department equals "Sales', "a quote, bracket or brace is not closed", 19),
        ("department equals Sales and", "the name of an attribute is missing", 28),
        ("and equals x", "the name of an attribute is missing", 1),
    ],
)
def test_what_is_no_filter_is_said_with_its_character(line, what, at):
    with pytest.raises(ClauseError) as caught:
        parse_clause(line)
    assert (caught.value.what.startswith(what), caught.value.at) == (True, at)


@pytest.mark.parametrize(
    "groups",
    [
        [{"clauses": []}],
        [{"clauses": None, "name": "x"}],
        [None],
        "x",
        [{"clauses": [{"operatorName": None, "sourceOperandName": "a"}]}],
        [{"clauses": [{"operatorName": "EQUALS", "sourceOperandName": "a", "targetOperand": {"values": [None]}}]}],
        [{"clauses": [{"operatorName": "EQUALS", "sourceOperandName": "a", "later": 1}]}],
        [{"clauses": [{"operatorName": "EQUALS", "sourceOperandName": "a"}], "later": 1}],
    ],
    ids=str,
)
def test_what_has_no_readable_form_is_left_alone(groups):
    assert filter_groups(groups) is None

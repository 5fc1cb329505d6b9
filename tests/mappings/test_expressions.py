"""What is an expression, what is none, and where."""

import pytest

from flows.mappings.expressions import LONGEST, ExpressionError, normalize_expression, quote_text, read_expression


@pytest.mark.parametrize(
    ("text", "attributes", "calls"),
    [
        ("[mail]", ["mail"], []),
        ('"x"', [], []),
        ('Join(" ", [givenName], , [surname])', ["givenName", "surname"], [("Join", 4)]),
        ('Switch([IsSoftDeleted], , "False", "True", "True", "False")', ["IsSoftDeleted"], [("Switch", 6)]),
        ('IIF([country]="USA",[country],Left([department], 3))', ["country", "country", "department"], None),
        ('[emails[type eq "work"].value]', ['emails[type eq "work"].value'], []),
        ('IIF(And(Not([a]), (1 < -2)), "a\\"b", NULL())', ["a"], None),
        ('"a" & [b] & %Domain.Name%', ["b"], []),
        ('CBool("True")\n', [], [("CBool", 1)]),
    ],
)
def test_an_expression_is_read(text, attributes, calls):
    found = read_expression(text)
    assert [token.attribute for token in found.attributes] == attributes
    assert calls is None or [(call.name, call.arguments) for call in found.calls] == calls


@pytest.mark.parametrize(
    ("text", "what", "at"),
    [
        ("", "an attribute, a text or a function is missing", 1),
        ("Join(", "the parenthesis of Join is not closed", 1),
        ('Join("x', "a text is not closed", 6),
        ("[mail", "a bracket is not closed", 1),
        ("[ ]", "the brackets contain no attribute", 1),
        ("[a] [b]", "unexpected [b]", 5),
        ("Trim([a] [b])", "a comma or a parenthesis is missing before [b]", 10),
        ("Trim([a]))", "unexpected )", 10),
        ("[a] & ", "an attribute, a text or a function is missing", 7),
        ("Trim([a]; [b])", "';' is not allowed here", 9),
        ("(" * 60, "functions are nested more than 50 deep", 52),
        (f'"{"x" * LONGEST}"', "is 10,002 characters long; Graph allows 10,000", LONGEST + 1),
    ],
)
def test_what_is_no_expression_is_said_with_its_character(text, what, at):
    with pytest.raises(ExpressionError) as caught:
        read_expression(text)
    assert (caught.value.what, caught.value.at) == (what, at)


def test_a_longest_expression_is_taken():
    assert read_expression(f'"{"x" * (LONGEST - 2)}"')


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ('join( " " ,[a] )', 'Join(" ", [a])', True),
        ('Join(" ", [a])', 'Join("  ", [a])', False),
        ("Trim([a])", "Trim([A])", False),
        ("no expression ", "no expression", True),
    ],
)
def test_blanks_and_the_case_of_functions_make_no_difference(left, right, same):
    assert (normalize_expression(left) == normalize_expression(right)) is same


def test_a_constant_is_quoted_as_expressions_have_it():
    assert read_expression(quote_text('a"b\\')).tokens[0].text == '"a\\"b\\\\"'

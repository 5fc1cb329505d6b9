"""What a job cannot do is said at its place in the file."""

import pytest

from flows.documents.nodes import to_plain
from flows.documents.readers import read_yaml
from flows.mappings.merge import desired_mappings
from flows.mappings.models import Mappings, Places
from flows.mappings.validation import NOTHING_KNOWN, Vocabulary, find_problems
from graph_client.models import FilterOperator, MappingFunction
from tests.mappings.schemas import mappings, schema_of, users

SCHEMA = schema_of()
EVERY_TYPE = ["String", "Boolean"]
OPERATORS = [
    {"id": "EQUALS", "arity": "Binary", "supportedAttributeTypes": EVERY_TYPE},
    {"id": "IS TRUE", "arity": "Unary", "supportedAttributeTypes": ["Boolean"]},
    {"id": "Greater_Than", "arity": "Binary", "supportedAttributeTypes": ["Integer", "DateTime"]},
]
FUNCTIONS = [
    {"id": "Join", "parameters": [{"required": True}, {"required": True, "allowMultipleOccurrences": True}]},
    {"id": "Trim", "parameters": [{"required": True}]},
]
KNOWN = Vocabulary.of(map(FilterOperator.parse, OPERATORS), map(MappingFunction.parse, FUNCTIONS))


def problems(file, vocabulary=KNOWN):
    found, nowhere = desired_mappings(file, None, None, SCHEMA)
    assert nowhere == []
    return find_problems(file, found, SCHEMA, vocabulary)


@pytest.mark.parametrize(
    ("row", "what", "advice"),
    [
        (
            {"attribute": "jobTitel"},
            "User of Azure Active Directory has no attribute 'jobTitel'",
            "Did you mean jobTitle?",
        ),
        (
            {"expression": 'Join("", [mail], [nobody_knows])'},
            "User of Azure Active Directory has no attribute 'nobody_knows' (character 18)",
            None,
        ),
        ({"expression": "trimm([mail])"}, "unknown function trimm (character 1)", "Did you mean Trim?"),
        ({"expression": "Join([mail])"}, "Join takes 2 to more arguments, not 1 (character 1)", None),
        ({"expression": "Join(Trim([mail], 2), 1)"}, "Trim takes 1 to 1 arguments, not 2 (character 6)", None),
    ],
)
def test_a_row_that_the_job_cannot_have(row, what, advice):
    (problem,) = problems(mappings({"title": row}))
    assert problem.what == what
    assert advice in {None, problem.advice}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("departmant equals Sales", "User of Azure Active Directory has no attribute 'departmant'"),
        ("department ends with x", "unknown operator ENDS_WITH"),
        ("department is true", "IS TRUE does not support department, which has the type String"),
        ("department {IS TRUE} x", "IS TRUE takes no value"),
        ("department {EQUALS}", "EQUALS needs a value"),
        ("department greater than 1", "Greater_Than does not support department, which has the type String"),
    ],
)
def test_a_clause_that_the_job_cannot_have(line, what):
    assert what in [each.what for each in problems(mappings(scope=["accountEnabled is true", line]))]


def test_what_the_sign_in_may_not_read_is_not_known_to_be_missing():
    file = mappings({"title": {"expression": "Anything([mail])"}}, scope=["department {NEW} x"])
    assert problems(file, NOTHING_KNOWN) == []


def test_what_the_job_does_already_is_not_looked_at():
    schema = schema_of()
    source = {"type": "Function", "name": "Odd", "expression": "Odd([unlisted])"}
    users(schema)["attributeMappings"][0]["source"] = source
    name = users(schema)["attributeMappings"][0]["targetAttributeName"]
    file = mappings({name: {"expression": "odd( [unlisted] )", "matching": 1}})
    found, _ = desired_mappings(file, None, None, schema)
    assert find_problems(file, found, schema, KNOWN) == []


def test_a_target_attribute_that_is_not_there():
    (problem,) = problems(mappings({"tittle": {"attribute": "mail"}}))
    assert problem.advice == "Did you mean title?"


def test_the_place_is_that_of_the_file():
    text = (
        "object_mappings:\n"
        "  - source: User\n"
        f"    target: {users(SCHEMA)['targetObjectName']}\n"
        "    scope:\n"
        "      - department equals Sales\n"
        "      - departmant equals Sales\n"
        "    attributes:\n"
        "      title: {attribute: jobTitel}\n"
    )
    entry = read_yaml(text, "m.yaml")
    file = Mappings.model_validate(to_plain(entry.node)).placed(Places(entry))
    assert [str(each.place) for each in problems(file)] == [
        "m.yaml:6:9: object_mappings[0].scope[1]",
        "m.yaml:8:15: object_mappings[0].attributes.title.attribute",
    ]

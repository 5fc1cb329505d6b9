"""The merge of a file, of what was applied last, and of what is there."""

import copy

import pytest

from flows.mappings.merge import DELETES, DISABLED, MATCHING, REMOVED, SCOPING, desired_mappings, diff_mappings
from flows.mappings.schema_edit import merge_schema, new_expressions
from flows.mappings.table import build_table
from tests.mappings.schemas import attribute, edited, mappings, schema_of, users

TEMPLATE = schema_of()
JOB = {"attribute": "jobTitle"}
COMPANY = {"attribute": "companyName"}
MAIL = {"attribute": "mail"}


def found(file, applied=None, now=TEMPLATE, template=TEMPLATE):
    made, problems = desired_mappings(file, applied, template, now)
    assert problems == []
    return made


def seen(*arguments, **others):
    return [
        (each.field.removeprefix("mappings.User."), each.before, each.after, each.origin)
        for each in diff_mappings(found(*arguments, **others))
    ]


def title(**row):
    return mappings({"title": row})


SOURCE = "attributes.title.source"


@pytest.mark.parametrize(
    ("file", "applied", "now", "expected"),
    [
        # file, last applied and tenant agree
        (title(**JOB), None, TEMPLATE, []),
        (title(**JOB), title(**JOB), TEMPLATE, []),
        # nobody knows who
        (title(**MAIL), None, TEMPLATE, [(SOURCE, "[jobTitle]", "[mail]", "")]),
        # the file changed, or names it for the first time
        (title(**MAIL), title(**JOB), TEMPLATE, [(SOURCE, "[jobTitle]", "[mail]", "file")]),
        (title(**MAIL), mappings(), TEMPLATE, [(SOURCE, "[jobTitle]", "[mail]", "file")]),
        # the portal changed it
        (title(**JOB), title(**JOB), edited(TEMPLATE, title="mail"), [(SOURCE, "[mail]", "[jobTitle]", "tenant")]),
        # both did, each otherwise
        (title(**COMPANY), title(**JOB), edited(TEMPLATE, title="mail"), [(SOURCE, "[mail]", "[companyName]", "both")]),
        # both did the same
        (title(**MAIL), title(**JOB), edited(TEMPLATE, title="mail"), []),
        # the file lets go of it: back to the template's default, if nobody has changed it
        (mappings(), title(**MAIL), edited(TEMPLATE, title="mail"), [(SOURCE, "[mail]", "[jobTitle]", "file")]),
        (mappings(), title(**MAIL), edited(TEMPLATE, title="companyName"), []),
        (mappings(), title(**MAIL), TEMPLATE, []),
    ],
)
def test_three_ways(file, applied, now, expected):
    assert seen(file, applied, now) == expected


def test_what_was_added_is_taken_away_again_with_its_line():
    file = mappings({"nickName": MAIL})
    assert seen(file) == [("attributes.nickName", None, "[mail]", "")]
    now = merge_schema(TEMPLATE, found(file))
    assert seen(file, file, now) == []
    assert seen(mappings(), file, now) == [("attributes.nickName", "[mail]", None, "file")]
    assert merge_schema(now, found(mappings(), file, now)) == TEMPLATE
    assert seen(mappings(), None, now) == []
    # Somebody took it away meanwhile.
    assert seen(file, file, TEMPLATE) == [("attributes.nickName", None, "[mail]", "tenant")]


def test_without_the_template_what_the_file_lets_go_of_stays():
    assert seen(mappings(), title(**MAIL), edited(TEMPLATE, title="mail"), None) == []


def test_an_unmapped_attribute_goes_and_comes_back():
    file = mappings(unmapped=["TITLE"])
    assert seen(file) == [("attributes.title", "[jobTitle]", None, "")]
    now = merge_schema(TEMPLATE, found(file))
    assert attribute(now, "title") is None
    assert seen(file, file, now) == []
    assert seen(file, file, TEMPLATE) == [("attributes.title", "[jobTitle]", None, "tenant")]
    assert seen(mappings(), file, now) == [("attributes.title", None, "[jobTitle]", "file")]


def test_fields_that_the_file_lets_go_of_go_back():
    file = mappings(scope=["department equals Sales"], flow="add", enabled="false")
    now = merge_schema(TEMPLATE, found(file))
    assert (users(now)["enabled"], users(now)["flowTypes"]) == (False, "Add")
    assert seen(mappings(), file, now) == [
        ("enabled", "false", "true", "file"),
        ("flow", "add", "add, update, delete", "file"),
        ("scope", "department equals Sales", "everybody", "file"),
    ]
    assert merge_schema(now, found(mappings(), file, now)) == TEMPLATE


def test_a_whole_object_mapping_may_be_let_go_of():
    file = title(**MAIL)
    groups = mappings().model_copy(
        update={"object_mappings": (build_table(TEMPLATE)[0].object_mappings[1],)},
    )
    assert seen(groups, file, edited(TEMPLATE, title="mail")) == [(SOURCE, "[mail]", "[jobTitle]", "file")]


def test_the_case_of_a_target_attribute_is_the_tenants():
    now = merge_schema(TEMPLATE, found(mappings({"TITLE": MAIL})))
    assert attribute(now, "title")["source"]["name"] == "mail"
    assert attribute(now, "TITLE") is None


def test_only_what_differs_is_touched():
    schema = copy.deepcopy(TEMPLATE)
    attribute(schema, "title").update({"later": {"x": [1]}, "defaultValue": "", "matchingPriority": 0.0})
    users(schema)["later"] = 1
    file = mappings({"title": {"expression": "Trim([jobTitle])"}})
    put = merge_schema(schema, found(file, now=schema))
    assert attribute(put, "title") == attribute(schema, "title") | {
        "source": {"expression": "Trim([jobTitle])", "name": "Trim", "parameters": [], "type": "Function"}
    }
    attribute(put, "title")["source"] = attribute(schema, "title")["source"]
    assert put == schema


def test_what_graph_made_of_an_expression_is_put():
    file = mappings({"title": {"expression": "Trim([jobTitle])"}, "nickName": {"expression": "Trim([jobTitle])"}})
    assert new_expressions(found(file)) == ["Trim([jobTitle])"]
    tree = {"type": "Function", "name": "Trim", "expression": "Trim([jobTitle])", "parameters": [{"key": "source"}]}
    put = merge_schema(TEMPLATE, found(file), {"Trim([jobTitle])": tree})
    assert attribute(put, "title")["source"] == attribute(put, "nickName")["source"] == tree
    assert new_expressions(found(file, now=put)) == []


def test_an_expression_that_is_an_attribute_is_one():
    assert seen(mappings({"title": {"expression": " [jobTitle] "}})) == []


def test_groups_of_a_filter_that_are_there_stay_as_they_are():
    schema = copy.deepcopy(TEMPLATE)
    clause = {"operatorName": "Equals", "sourceOperandName": "department", "targetOperand": {"values": ["Sales"]}}
    users(schema)["scope"]["groups"] = [{"name": "mine", "clauses": [clause]}]
    assert seen(mappings(scope=["department equals Sales"]), now=schema) == []
    file = mappings(scope=["country equals DE", "department equals Sales"])
    put = users(merge_schema(schema, found(file, now=schema)))["scope"]["groups"]
    assert put[1] == {"name": "mine", "clauses": [clause]}
    assert put[0]["clauses"][0]["operatorName"] == "Equals"


@pytest.mark.parametrize(
    ("file", "dangers"),
    [
        (title(**MAIL), [""]),
        (mappings({"userName": MAIL | {"matching": 1}}), [MATCHING]),
        (mappings({"userName": {"attribute": "userPrincipalName"}}), [MATCHING]),
        (mappings({"title": JOB | {"matching": 2}}), [MATCHING]),
        (mappings({"nickName": MAIL | {"matching": 2}}), [MATCHING]),
        (mappings(unmapped=["userName"]), [MATCHING]),
        (mappings(unmapped=["title"]), [REMOVED]),
        (mappings(scope=["a is true"]), [SCOPING]),
        (mappings(input_scope=["a is true"]), [SCOPING]),
        (mappings(flow="add, update"), [""]),
        (mappings(enabled="false"), [DISABLED]),
    ],
)
def test_what_is_dangerous_is_called_so(file, dangers):
    assert [each.danger for each in diff_mappings(found(file))] == dangers


def test_deletes_that_begin_are_dangerous():
    schema = copy.deepcopy(TEMPLATE)
    users(schema).update({"enabled": False, "flowTypes": "Add, Update"})
    dangers = {
        each.field: each.danger
        for each in diff_mappings(found(mappings(flow="add, update, delete", enabled="true"), now=schema))
    }
    assert dangers == {"mappings.User.enabled": DELETES, "mappings.User.flow": DELETES}
    assert [each.danger for each in diff_mappings(found(mappings(enabled="true"), now=schema))] == [""]


def test_what_leads_nowhere_or_to_several_is_a_problem():
    file = mappings()
    (other,) = (each.model_copy(update={"target": "urn:other"}) for each in file.object_mappings)
    _, (problem,) = desired_mappings(file.model_copy(update={"object_mappings": (other,)}), None, None, TEMPLATE)
    assert problem.what.startswith("the schema does not map User to urn:other; it maps User to urn:ietf")
    schema = copy.deepcopy(TEMPLATE)
    schema["synchronizationRules"].append(copy.deepcopy(schema["synchronizationRules"][0]) | {"name": "SECOND"})
    _, (problem,) = desired_mappings(file, None, None, schema)
    assert "2 times" in problem.what
    (second,) = (each.model_copy(update={"rule": "SECOND"}) for each in file.object_mappings)
    (wish,), problems = desired_mappings(file.model_copy(update={"object_mappings": (second,)}), None, None, schema)
    assert (wish.found.rule_index, problems) == (1, [])


NULL_SOURCE = {"targetAttributeName": "title", "source": None, "defaultValue": "none", "flowType": "Always", "later": 1}


def with_title(*made):
    """A schema whose mapping of title is one or several of Graph's, such as Salesforce's with `source: null`."""
    schema = copy.deepcopy(TEMPLATE)
    attributes = users(schema)["attributeMappings"]
    place = next(place for place, each in enumerate(attributes) if each["targetAttributeName"] == "title")
    attributes[place : place + 1] = copy.deepcopy(list(made))
    return schema


def targets(schema):
    return [each["targetAttributeName"] for each in users(schema)["attributeMappings"]]


def test_a_row_replaces_a_mapping_that_the_table_cannot_hold():
    now = with_title(NULL_SOURCE)
    assert seen(title(**JOB), now=now) == [("attributes.title", "no source, default none", "[jobTitle]", "")]
    put = merge_schema(now, found(title(**JOB), now=now))
    assert targets(put) == targets(now)
    assert (attribute(put, "title")["source"]["name"], attribute(put, "title")["later"]) == ("jobTitle", 1)
    assert (seen(title(**JOB), now=put), merge_schema(put, found(title(**JOB), now=put))) == ([], put)


def test_a_file_that_lets_go_of_it_brings_back_what_the_template_had():
    template = with_title(NULL_SOURCE)
    for file in (title(**JOB), mappings(unmapped=["TITLE"])):
        now = merge_schema(template, found(file, now=template, template=template))
        assert found(mappings(), file, now, template)[0].restored == {"title": (NULL_SOURCE,)}
        put = merge_schema(now, found(mappings(), file, now, template))
        assert attribute(put, "title") == NULL_SOURCE
        assert seen(mappings(), file, put, template) == []


def test_unmapped_removes_what_the_table_cannot_hold():
    for now in (with_title(NULL_SOURCE), with_title(NULL_SOURCE, NULL_SOURCE | {"targetAttributeName": "Title"})):
        file = mappings(unmapped=["title"])
        ((field, _, after, _),) = seen(file, now=now)
        put = merge_schema(now, found(file, now=now))
        assert (field, after, attribute(put, "title"), attribute(put, "Title")) == (
            "attributes.title",
            None,
            None,
            None,
        )
        assert seen(file, now=put) == []


def test_a_row_that_could_be_about_two_mappings_is_refused():
    now = with_title(NULL_SOURCE, attribute(TEMPLATE, "title"))
    _, (problem,) = desired_mappings(title(**JOB), None, None, now)
    assert "title 2 times" in problem.what
    assert desired_mappings(mappings({"nickName": MAIL}), None, None, now)[1] == []


def groups(*named):
    def clause(text):
        name, value = text.split("=")
        return {"operatorName": "EQUALS", "sourceOperandName": name, "targetOperand": {"values": [value]}}

    return [{"name": name, "clauses": [clause(each) for each in clauses]} for name, *clauses in named]


@pytest.mark.parametrize(
    ("lines", "titles"),
    [
        (["country equals FR and department equals HR", "city equals Ulm"], ["german", "ulm"]),
        (["city equals Bonn", "country equals DE and department equals IT"], ["ulm", "german"]),
        (["company equals X", "city equals Ulm"], ["german", "ulm"]),
        (
            ["city equals Ulm", "country equals DE and department equals HR", "a equals b"],
            ["ulm", "german", "entra-fleet"],
        ),
        (["city equals Ulm"], ["ulm"]),
    ],
)
def test_a_scoping_filter_keeps_its_title_when_a_clause_is_edited(lines, titles):
    now = copy.deepcopy(TEMPLATE)
    there = groups(("german", "country=DE", "department=HR"), ("ulm", "city=Ulm"))
    users(now)["scope"]["groups"] = there
    put = users(merge_schema(now, found(mappings(scope=lines), now=now)))["scope"]["groups"]
    assert [each["name"] for each in put] == titles
    assert (there[1] in put) is ("city equals Ulm" in lines)

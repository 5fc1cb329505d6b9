import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_emulator.handlers.directory_objects import FILTERABLE
from graph_emulator.handlers.provisioning_logs import _BOTH
from graph_emulator.wire.odata import Filterable
from graph_emulator.wire.odata_syntax import FilterSyntaxError, parse_filter
from graph_emulator.wire.problems import GraphProblem

PRINCIPALS = FILTERABLE["servicePrincipal"]
LOGS = Filterable("provisioningObjectSummary", _BOTH)
ITEM = {"displayName": "O'Neill (prod), EU", "tags": ["a", "b"], "id": "1", "appId": "2", "accountEnabled": True}

WORDS = """displayName tags/any tags id accountEnabled activityDateTime jobid eq ne gt in and or not ( ) , : t
contains startswith tolower true null 'x' '' 5 -1.5 2026-01-05T08:00:00Z 2026-13-45 9999-99-99T99:99:99Z"""
words = st.sampled_from(WORDS.split())
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.one_of(st.text(max_size=60), st.lists(words, max_size=14).map(" ".join)), st.booleans())
def test_any_text_is_a_filter_or_a_400(text, advanced):
    assert verdict(PRINCIPALS, text, advanced) in (200, 400)
    assert verdict(LOGS, text, advanced) in (200, 400)


def verdict(filterable, text, advanced):
    try:
        predicate = filterable.predicate(text, advanced=advanced)
    except GraphProblem as problem:
        return problem.status
    if filterable is PRINCIPALS:
        assert predicate(ITEM) in (True, False)
    return 200


@given(names)
def test_any_name_can_be_asked_for(name):
    quoted = name.replace("'", "''")
    matches = PRINCIPALS.predicate(f"displayName eq '{quoted}'")
    assert matches({"displayName": name})
    assert not matches({"displayName": name + "x"})


@given(st.lists(names, min_size=1, max_size=5), names)
def test_a_list_holds_its_members(members, other):
    text = ",".join("'" + member.replace("'", "''") + "'" for member in members)
    matches = PRINCIPALS.predicate(f"displayName in ({text})")
    assert all(matches({"displayName": member}) for member in members)
    assert matches({"displayName": other}) == (other.lower() in [member.lower() for member in members])


@given(st.booleans(), st.booleans(), st.booleans())
def test_and_binds_tighter_than_or(a, b, c):
    value = {"displayName": "a" if a else "-", "appId": "b" if b else "-", "id": "c" if c else "-"}
    text = "displayName eq 'a' or appId eq 'b' and id eq 'c'"
    assert PRINCIPALS.predicate(text)(value) == (a or (b and c))
    text = "(displayName eq 'a' or appId eq 'b') and id eq 'c'"
    assert PRINCIPALS.predicate(text)(value) == ((a or b) and c)


@pytest.mark.parametrize("text", ["(" * 5000, "not " * 5000 + "id eq '1'", "id eq '1'" + " and id eq '1'" * 5000])
def test_depth_and_length_have_limits(text):
    with pytest.raises(FilterSyntaxError):
        parse_filter(text)


def test_a_missing_value_matches_no_comparison():
    assert not PRINCIPALS.predicate("startswith(displayName,'x')")({"displayName": None})
    assert PRINCIPALS.predicate("displayName eq null")({"displayName": None})
    assert not PRINCIPALS.predicate("tags/any(t:t eq 'x')")({"tags": None})

"""Whatever a target answers, there are verdicts, and no error."""

import asyncio
import json

import httpx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graph_client.redaction import learn_secrets
from tests.leaks import leaks_into
from tests.target.scim import RULES, TOKEN, checks, target

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
WORDS = st.sampled_from(["", "1", "True", TOKEN, LIST, "work", "9" * 5_000, "\ud800", "a\nb", "é"]) | st.text(
    max_size=5
)
SCALARS = st.none() | st.booleans() | st.integers() | st.just("the longest") | st.floats(allow_nan=False) | WORDS
NAMES = ("schemas", "id", "userName", "externalId", "emails", "active", "members", "detail", "type", "value", "name")
KEYS = st.sampled_from(NAMES)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5))
IDS = st.sampled_from(["1", 1, "a/../b?c#d", "x" * 5_000, "the longest"])
KNOWN = {"id": IDS | VALUES, "userName": WORDS | VALUES, "emails": VALUES, "active": VALUES, "members": VALUES}
RESOURCES = st.lists(st.fixed_dictionaries({}, optional=KNOWN), min_size=1, max_size=2)
TOTALS = st.sampled_from([0, 1, 2, "2", "9" * 5_000, "the longest"]) | SCALARS
PAGES = st.fixed_dictionaries(
    {"schemas": st.just([LIST]) | VALUES, "totalResults": TOTALS, "Resources": RESOURCES | VALUES},
    optional={"startIndex": SCALARS, "itemsPerPage": SCALARS, "detail": VALUES},
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["", "application/scim+json", "text/html; x=" + TOKEN, TOKEN]),
        "content-encoding": st.sampled_from(["gzip", "br", "identity"]),
        "date": st.sampled_from(["", "now", "Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 99999 00:00:00 +9999"]),
        "location": st.sampled_from(["", "/x", f"https://evil.example/{TOKEN}?{TOKEN}"]),
    },
)
STATUSES = st.sampled_from([200, 200, 200, 204, 301, 304, 400, 401, 403, 404, 429, 500, 501])
BODIES = (PAGES | PAGES | VALUES).map(lambda value: _dump(value).encode("utf-8", "surrogatepass")) | st.binary(
    max_size=9
)
ANSWERS = st.lists(st.tuples(STATUSES, HEADERS, BODIES), min_size=1, max_size=10)


def _dump(value):
    # The longest numbers cannot be written by Python, only read.
    return json.dumps(value, ensure_ascii=False, default=str).replace('"the longest"', "1" + "0" * 5_000)


def page(**fields):
    """One answer, given to every request."""
    value = {"schemas": [LIST], "totalResults": 1, "Resources": [{"id": "1"}], **fields}
    return [(200, {"content-type": "application/scim+json"}, _dump(value).encode())]


@given(ANSWERS)
@example(page(totalResults="9" * 5_000))
@example(page(totalResults="the longest", Resources=[]))
@example(page(Resources=[{"id": "the longest"}]))
@example(page(Resources=[{"id": "x" * 100_000, "userName": "y" * 100_000}]))
@example(page(Resources=[{"id": "1", "emails": 7, "name": [], "urn:x:User": "text"}]))
@example(page(Resources={"id": "1"}))
@settings(max_examples=100)
def test_any_answers_lead_to_verdicts(answers):
    learn_secrets(TOKEN)
    left = list(answers)

    def answer(_request):
        status, headers, body = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))

    wanted = target(matching=("userName", 'emails[type eq "work"].value', "name.x", "urn:x:User:id", "externalId"))
    found = asyncio.run(checks(None, wanted, transport=httpx.MockTransport(answer)))
    rules = [each.rule for each in found]
    assert rules
    assert rules == [rule for rule in RULES if rule in rules]
    assert all(each.message and bool(each.hint) == (each.verdict != "fine") for each in found)
    assert not any(leaks_into(each.message + each.hint, TOKEN) for each in found)

"""Collections, page after page."""

import itertools

import httpx
import pytest

from graph_client import errors
from graph_client.reading import is_expired_link
from tests.graph_client.doubles import Script, answer, client, page, refusal

LINK = "https://graph.example/v1.0/applications?$top=2&$skiptoken=a%2Bb%2F=="


async def all_of(script, **changes):
    async with client(script, **changes) as graph:
        return [application.id async for application in graph.applications.list()]


async def test_links_are_followed_as_they_are():
    script = Script(page([{"id": "1"}, {"id": "2"}], LINK), page([], LINK + "x"), page([{"id": "3"}]))
    assert await all_of(script) == ["1", "2", "3"]
    assert [str(request.url) for request in script.requests][1:] == [LINK, LINK + "x"]


async def test_a_short_page_is_not_the_end():
    assert await all_of(Script(page([], LINK), page([{"id": "3"}]))) == ["3"]


async def test_the_version_of_a_link_is_kept():
    script = Script(page([], LINK), page([]))
    await all_of(script, api_version="beta")
    assert script.requests[0].url.path == "/beta/applications"
    assert str(script.requests[1].url) == LINK


async def test_links_in_a_circle_are_an_error():
    script = Script(
        page([{"id": "1"}], LINK), page([{"id": "2"}], LINK + "x"), page([{"id": "3"}], LINK), AssertionError("read on")
    )
    with pytest.raises(errors.UnreadableAnswer, match="already been read"):
        await all_of(script)
    assert len(script.requests) == 3


def fresh_links(items_of):
    """A listing that always has another page, behind a link that was never given before."""
    numbers = itertools.count(1)
    return Script(lambda _: page(items_of(number := next(numbers)), f"{LINK}{number}"))


async def test_empty_pages_that_only_lead_on_are_given_up():
    script = fresh_links(lambda _: [])
    with pytest.raises(errors.UnreadableAnswer):
        await all_of(script, max_empty_pages=7)
    assert len(script.requests) == 7


async def test_a_listing_without_an_end_is_given_up():
    script = fresh_links(lambda number: [{"id": str(number)}])
    with pytest.raises(errors.UnreadableAnswer):
        await all_of(script, max_pages=30)
    assert len(script.requests) == 30


async def test_empty_pages_between_full_ones_are_no_reason_to_give_up():
    steps = [page([{"id": str(n)}] if n % 4 == 0 else [], f"{LINK}{n}") for n in range(12)]
    assert await all_of(Script(*steps, page([])), max_empty_pages=4) == ["0", "4", "8"]


# The first is how microsoft-graph-docs-contrib#3648 shows it; the others are what else may come of the same.
BROKEN = {
    "an error in an item": b'{"value":[{"id":"1"},{"id":"2"{"error":{"code":"BadRequest","message":"null value"}}',
    "cut off": b'{"value":[{"id":"1"},{"id":',
    "an error among the items": b'{"value":[{"id":"1"},{"error":{"code":"BadRequest","message":"null value"}}]}',
    "an error after the items": b'{"value":[{"id":"1"}],"error":{"code":"BadRequest","message":"null value"}}',
    "an error instead of items": b'{"error":{"code":"UnknownError","message":"null value"}}',
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
async def test_a_page_that_breaks_inside_a_200_is_read_again(content):
    script = Script(page([{"id": "0"}], LINK), httpx.Response(200, content=content), page([{"id": "1"}, {"id": "2"}]))
    assert await all_of(script) == ["0", "1", "2"]


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
async def test_a_page_that_stays_broken_is_never_a_short_list(content):
    script = Script(page([{"id": "0"}], LINK), httpx.Response(200, content=content))
    with pytest.raises(errors.UnreadableAnswer) as caught:
        await all_of(script, attempts=3)
    assert len(script.requests) == 1 + 3
    assert caught.value.gave_up


async def test_a_fault_between_pages_is_repeated():
    script = Script(page([{"id": "1"}], LINK), refusal(503, "x"), page([{"id": "2"}]))
    assert await all_of(script) == ["1", "2"]


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": {}}, {"value": "x"}])
async def test_a_page_without_items_is_unreadable(body):
    with pytest.raises(errors.UnreadableAnswer):
        await all_of(Script(answer(200, body)))


@pytest.mark.parametrize("item", [{}, {"id": None}, {"id": ""}, {"id": []}, "text", None, 5])
async def test_an_item_without_an_id_is_unreadable(item):
    with pytest.raises(errors.UnreadableAnswer) as caught:
        await all_of(Script(page([item])))
    assert "Application" in str(caught.value)
    assert "GET" in str(caught.value)


async def test_pages_are_read_only_when_asked_for():
    script = Script(page([{"id": "1"}], LINK), page([{"id": "2"}]))
    async with client(script) as graph:
        listing = graph.applications.list()
        assert script.requests == []
        assert (await anext(listing)).id == "1"
        await listing.aclose()
    assert len(script.requests) == 1


CHANGES = "https://graph.example/v1.0/servicePrincipals/delta?$deltatoken=abc"


async def test_pages_of_changes_tell_what_is_gone_and_where_they_go_on():
    gone = {"id": "2", "@removed": {"reason": "changed"}}
    first = page([{"id": "1", "displayName": "One"}, gone], CHANGES + "&x")
    last = answer(200, {"value": [], "@odata.deltaLink": CHANGES + "d"})
    script = Script(first, last)
    async with client(script) as graph:
        found = [each async for each in graph.service_principals.changes(select=("id", "displayName"), link=CHANGES)]
    assert [([item.id for item in each.items], each.removed) for each in found] == [(["1"], ("2",)), ([], ())]
    assert [(each.next_link, each.delta_link) for each in found] == [(CHANGES + "&x", None), (None, CHANGES + "d")]
    assert [str(request.url) for request in script.requests] == [CHANGES, CHANGES + "&x"]


async def test_without_a_link_only_the_link_is_asked_for():
    script = Script(answer(200, {"value": [], "@odata.deltaLink": CHANGES}))
    async with client(script) as graph:
        (found,) = [each async for each in graph.service_principals.changes(select=("id",))]
    assert (found.items, found.delta_link) == ((), CHANGES)
    assert dict(script.requests[0].url.params) == {"$select": "id", "$deltatoken": "latest"}


@pytest.mark.parametrize(
    ("status", "code", "expired"),
    [
        (410, "resyncRequired", True),
        (410, None, True),
        (400, "syncStateNotFound", True),
        (400, "BadRequest", False),
        (404, "Request_ResourceNotFound", False),
    ],
)
async def test_an_expired_link_is_told_by_its_status_or_its_code(status, code, expired):
    async with client(Script(refusal(status, code or "Gone"))) as graph:
        with pytest.raises(errors.GraphStatusError) as failed:
            _ = [each async for each in graph.service_principals.changes(select=("id",), link=CHANGES)]
    assert is_expired_link(failed.value) is expired

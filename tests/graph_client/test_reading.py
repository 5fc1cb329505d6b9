"""Collections, page after page."""

import pytest

from graph_client import errors
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
    with pytest.raises(errors.UnreadableAnswer, match="read already"):
        await all_of(script)
    assert len(script.requests) == 3


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

import pytest

from tests.graph_emulator.driver import error_of

EVENTUAL = {"ConsistencyLevel": "eventual"}


@pytest.fixture
async def three(wire):
    for name in ("Alpha One", "Alpha Two", "Beta"):
        await wire.instantiate(name)
    return wire


@pytest.mark.parametrize("kind", ["applications", "servicePrincipals"])
async def test_a_count_is_a_text_that_only_eventual_consistency_knows(three, kind):
    assert error_of(await three.send("GET", f"/{kind}/$count"))[0] == 400
    answer = await three.send("GET", f"/{kind}/$count", headers=EVENTUAL)
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, "text/plain", "3")
    query = "$filter=displayName ne 'Beta'"
    assert (await three.send("GET", f"/{kind}/$count?{query}", headers=EVENTUAL)).text == "2"
    assert error_of(await three.send("GET", f"/{kind}/$count?$top=1", headers=EVENTUAL))[0] == 400


@pytest.mark.parametrize(("kind", "number"), [("users", 48), ("groups", 12)])
async def test_people_are_counted(wire, kind, number):
    assert int((await wire.send("GET", f"/{kind}/$count", headers=EVENTUAL)).text) == number
    filtered = f"/{kind}/$count?$filter=displayName le 'M'"
    assert 0 < int((await wire.send("GET", filtered, headers=EVENTUAL)).text) < number


async def test_a_count_within_a_batch(three):
    step = {"id": "1", "method": "GET", "url": "/applications/$count", "headers": EVENTUAL}
    answer = await three.post("/$batch", {"requests": [step]}, 200)
    assert [(each["status"], each["body"]) for each in answer["responses"]] == [(200, 3)]


async def test_a_search_needs_an_advanced_query(three):
    path = '/servicePrincipals?$search="displayName:alpha"'
    assert error_of(await three.send("GET", path))[0] == 400
    found = await three.get(f"{path}&$count=true", headers=EVENTUAL)
    assert (found["@odata.count"], {each["displayName"] for each in found["value"]}) == (2, {"Alpha One", "Alpha Two"})
    assert error_of(await three.send("GET", "/servicePrincipals?$search=alpha&$count=true", headers=EVENTUAL))[0] == 400


async def test_sorting_goes_alone_or_in_an_advanced_query(three):
    found = await three.get("/applications?$orderby=displayName desc")
    assert [each["displayName"] for each in found["value"]] == ["Beta", "Alpha Two", "Alpha One"]
    both = "/applications?$orderby=displayName&$filter=startswith(displayName, 'Alpha')"
    assert error_of(await three.send("GET", both))[0] == 400
    assert len((await three.get(f"{both}&$count=true", headers=EVENTUAL))["value"]) == 2


async def test_the_short_name_of_a_cast(three):
    assert (await three.get("/directory/deletedItems/graph.application"))["value"] == []

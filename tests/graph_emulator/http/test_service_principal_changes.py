"""`servicePrincipals/delta`: https://learn.microsoft.com/graph/api/serviceprincipal-delta."""

import pytest

DAY = 86_400.0


async def read_all(wire, link):
    """Every value from a link on, and the deltaLink at the end."""
    found = []
    while True:
        answer = await wire.send("GET", link)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["value"]
        if "@odata.deltaLink" in page:
            return found, page["@odata.deltaLink"]
        link = page["@odata.nextLink"]


async def test_it_begins_with_everybody_in_pages_and_ends_with_a_link(open_tenant):
    wire = await open_tenant(estate=250)
    found, link = await read_all(wire, "/servicePrincipals/delta?$select=id,displayName")
    assert len({each["id"] for each in found}) == 250
    assert {frozenset(each) for each in found} == {frozenset({"id", "displayName"})}
    assert (await read_all(wire, link))[0] == []


async def test_latest_asks_for_nothing_but_the_link(open_tenant):
    wire = await open_tenant(estate=20)
    found, link = await read_all(wire, "/servicePrincipals/microsoft.graph.delta?$deltatoken=latest")
    assert found == []
    assert "deltatoken=" in link


async def test_what_was_made_renamed_deleted_and_restored_shows_once_each(open_tenant):
    wire = await open_tenant(estate=20)
    _, link = await read_all(wire, "/servicePrincipals/delta?$deltatoken=latest&$select=id,displayName")
    controls = wire.emulator.controls
    renamed, deleted, purged, back = [each["id"] for each in controls.state()["servicePrincipals"][:4]]
    for name in ("First", "Second"):
        controls.edit(renamed, {"displayName": name})
    controls.delete(deleted)
    controls.delete(purged, purge=True)
    controls.delete(back)
    await wire.send("POST", f"/directory/deletedItems/{back}/restore")
    made = (await wire.instantiate())[1]
    found, _ = await read_all(wire, link)
    by_id = {each["id"]: each for each in found}
    assert len(found) == len(by_id)
    assert by_id[renamed]["displayName"] == "Second"
    assert by_id[deleted]["@removed"] == {"reason": "changed"}
    assert by_id[purged]["@removed"] == {"reason": "deleted"}
    assert "@removed" not in by_id[back]
    assert made in by_id


@pytest.mark.parametrize(("way", "status"), [("410", 410), ("400", 400)])
async def test_a_link_is_good_for_seven_days(open_tenant, way, status):
    wire = await open_tenant(estate=20, delta_expired=way)
    _, link = await read_all(wire, "/servicePrincipals/delta?$deltatoken=latest")
    wire.emulator.controls.advance(7 * DAY)
    await wire.sign_in()
    assert (await wire.send("GET", link)).status_code == 200
    wire.emulator.controls.advance(1.0)
    answer = await wire.send("GET", link)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, "syncStateNotFound")


async def test_a_token_that_was_never_given_is_refused(wire):
    answer = await wire.send("GET", "/servicePrincipals/delta?$deltatoken=nonsense")
    assert answer.status_code == 400

import pytest

from tests.graph_emulator.driver import AWS, error_of

EVENTUAL = {"ConsistencyLevel": "eventual"}


@pytest.fixture
async def fleet(wire):
    """Five applications, three of them with a mark."""
    made = [await wire.instantiate(f"App {n}", AWS if n % 2 else "Box") for n in range(5)]
    for n, (application, _) in enumerate(made[:3]):
        await wire.send("PATCH", f"/applications/{application}", {"tags": [f"entra-fleet:demo:k{n}", "x"]})
    return wire, made


async def names(wire, query, kind="servicePrincipals", **options):
    answer = await wire.get(f"/{kind}", params={"$filter": query, **options.pop("params", {})}, **options)
    return [value["displayName"] for value in answer["value"]]


@pytest.mark.parametrize("kind", ["applications", "servicePrincipals"])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("displayName eq 'App 1'", ["App 1"]),
        ("displayName eq 'app 1'", ["App 1"]),
        ("startswith(displayName,'App')", ["App 0", "App 1", "App 2", "App 3", "App 4"]),
        ("displayName in ('App 0','App 4','nobody')", ["App 0", "App 4"]),
        ("displayName ge 'App 3'", ["App 3", "App 4"]),
        ("tags/any(t:t eq 'entra-fleet:demo:k1')", ["App 1"]),
        ("tags/any(t:startswith(t,'entra-fleet:demo:'))", ["App 0", "App 1", "App 2"]),
        (f"applicationTemplateId eq '{AWS}'", ["App 1", "App 3"]),
        (f"applicationTemplateId eq '{AWS}' and displayName eq 'App 3'", ["App 3"]),
        ("(displayName eq 'App 1' or displayName eq 'App 2') and tags/any(t:t eq 'x')", ["App 1", "App 2"]),
    ],
)
async def test_documented_filters(fleet, kind, query, found):
    assert await names(fleet[0], query, kind) == found


async def test_filters_by_identifier(fleet):
    wire, made = fleet
    principal = await wire.get(f"/servicePrincipals/{made[2][1]}")
    assert await names(wire, f"appId eq '{principal['appId']}'") == ["App 2"]
    assert await names(wire, f"id in ('{made[0][1]}','{made[3][1]}')") == ["App 0", "App 3"]
    assert (await wire.get(f"/servicePrincipals(appId='{principal['appId']}')"))["id"] == made[2][1]


@pytest.mark.parametrize(
    "query",
    [
        "displayName ne 'App 1'",
        "not startswith(displayName,'App')",
        "notes eq 'x'",
        "contains(displayName,'App')",
        "endswith(displayName,'1')",
        "displayName/any(t:t eq 'x')",
        "tags eq 'x'",
    ],
)
async def test_what_needs_an_advanced_query_is_refused_without_one(wire, query):
    answer = await wire.send("GET", "/servicePrincipals", params={"$filter": query})
    assert error_of(answer) == (400, "Request_UnsupportedQuery")


async def test_advanced_queries(fleet):
    wire, _ = fleet
    counted = {"headers": EVENTUAL, "params": {"$count": "true"}}
    assert await names(wire, "displayName ne 'App 1'", **counted) == ["App 0", "App 2", "App 3", "App 4"]
    assert await names(wire, "not startswith(displayName,'App')", **counted) == []
    answer = await wire.get("/servicePrincipals?$count=true&$orderby=displayName desc&$top=2", headers=EVENTUAL)
    assert [value["displayName"] for value in answer["value"]] == ["App 4", "App 3"]
    assert answer["@odata.count"] == 5


async def test_an_advanced_query_reads_an_index_that_lags(open_tenant):
    wire = await open_tenant(index_lag_seconds=5)
    await wire.instantiate("Fresh")
    counted = {"headers": EVENTUAL, "params": {"$count": "true"}}
    assert await names(wire, "displayName eq 'Fresh'") == ["Fresh"]
    assert await names(wire, "displayName eq 'Fresh'", **counted) == []
    wire.emulator.controls.advance(5)
    assert await names(wire, "displayName eq 'Fresh'", **counted) == ["Fresh"]


async def test_pages_hold_everything_once_even_when_objects_are_made_meanwhile(fleet):
    wire, made = fleet
    first = await wire.get("/servicePrincipals?$top=2&$select=id")
    await wire.instantiate("Late")
    rest = await wire.all_pages(first["@odata.nextLink"])
    found = [value["id"] for value in first["value"] + rest]
    assert found[:5] == [principal for _, principal in made]
    assert len(found) == len(set(found)) == 6
    assert first["value"][0].keys() == {"id"}


async def test_a_page_holds_a_hundred_unless_told_otherwise(wire):
    for n in range(101):
        await wire.instantiate(f"N {n}", AWS)
    page = await wire.get("/servicePrincipals")
    assert (len(page["value"]), "@odata.nextLink" in page) == (100, True)
    whole = await wire.get("/servicePrincipals?$top=999")
    assert (len(whole["value"]), "@odata.nextLink" in whole) == (101, False)


@pytest.mark.parametrize("top", ["0", "1000", "-1", "x", "1.5", ""])
async def test_the_page_size_has_limits(wire, top):
    answer = await wire.send("GET", "/applications", params={"$top": top})
    assert answer.status_code == 400


async def test_tags_are_replaced_as_a_whole(fleet):
    wire, made = fleet
    path = f"/applications/{made[0][0]}"
    assert (await wire.send("PATCH", path, {"tags": ["only"]})).status_code == 204
    assert (await wire.get(path))["tags"] == ["only"]


@pytest.mark.parametrize(
    ("settings", "after", "shown"),
    [
        ({"propagation_seconds": 3}, 2.9, False),
        ({"propagation_seconds": 3}, 3, True),
        ({"propagation": "at once", "propagation_seconds": 3}, 0, True),
        ({"propagation": "never"}, 3_000, False),
    ],
)
async def test_name_and_tags_of_the_application_reach_its_service_principal(open_tenant, settings, after, shown):
    wire = await open_tenant(**settings)
    application, principal = await wire.instantiate("Before")
    await wire.send("PATCH", f"/applications/{application}", {"displayName": "After", "tags": ["mark"]})
    wire.emulator.controls.advance(after)
    value = await wire.get(f"/servicePrincipals/{principal}")
    assert (value["displayName"] == "After", "mark" in value["tags"]) == (shown, shown)
    assert "WindowsAzureActiveDirectoryIntegratedApp" in value["tags"]
    assert (await names(wire, "tags/any(t:t eq 'mark')") == ["After"]) == shown


async def test_a_service_principal_can_be_marked_itself(fleet):
    wire, made = fleet
    path = f"/servicePrincipals/{made[4][1]}"
    tags = (await wire.get(path))["tags"]
    await wire.send("PATCH", path, {"tags": [*tags, "own"], "notes": "n" * 1024})
    assert (await wire.get(path))["tags"] == [*tags, "own"]
    assert (await wire.get(f"/applications/{made[4][0]}"))["tags"] == []


async def test_a_mark_on_both_shows_once(fleet):
    wire, made = fleet
    path = f"/servicePrincipals/{made[0][1]}"
    tags = (await wire.get(path))["tags"]
    assert "entra-fleet:demo:k0" in tags
    await wire.send("PATCH", path, {"tags": tags})
    await wire.send("PATCH", f"/applications/{made[0][0]}", {"tags": ["entra-fleet:demo:k0"]})
    assert (await wire.get(path))["tags"] == tags


@pytest.mark.parametrize(
    "body",
    [
        {"nonsense": 1},
        {"displayName": 7},
        {"displayName": ""},
        {"tags": "x"},
        {"tags": [1]},
        {"tags": None},
        {"tags": ["twice", "twice"]},
        {"notes": "n" * 1025},
        {"appId": "x"},
        {"id": "x"},
        {"accountEnabled": "yes"},
    ],
)
async def test_a_wrong_change_is_refused_and_changes_nothing(fleet, body):
    wire, made = fleet
    path = f"/servicePrincipals/{made[0][1]}"
    before = await wire.get(path)
    assert error_of(await wire.send("PATCH", path, body)) == (400, "Request_BadRequest")
    assert await wire.get(path) == before


async def test_what_graph_decides_cannot_be_set(fleet):
    wire, made = fleet
    for kind, identifier in zip(("applications", "servicePrincipals"), made[0], strict=True):
        answer = await wire.send("PATCH", f"/{kind}/{identifier}", {"appId": "x"})
        assert (answer.status_code, "read-only" in answer.json()["error"]["message"]) == (400, True)


async def test_identifiers_of_the_wrong_kind_are_not_found(fleet):
    wire, made = fleet
    application, principal = made[0]
    app_id = (await wire.get(f"/applications/{application}"))["appId"]
    for path in (
        f"/servicePrincipals/{application}",
        f"/servicePrincipals/{app_id}",
        f"/applications/{principal}",
        f"/servicePrincipals/{application}/synchronization/jobs",
        f"/servicePrincipals/{app_id}/synchronization/templates",
    ):
        assert error_of(await wire.send("GET", path)) == (404, "Request_ResourceNotFound"), path


async def test_deleting_an_application_takes_its_service_principal_along(fleet):
    wire, made = fleet
    application, principal = made[0]
    assert (await wire.send("DELETE", f"/applications/{application}")).status_code == 204
    for path in (f"/applications/{application}", f"/servicePrincipals/{principal}"):
        assert (await wire.send("GET", path)).status_code == 404
    deleted = await wire.get("/directory/deletedItems/microsoft.graph.application")
    assert [item["id"] for item in deleted["value"]] == [application]
    assert deleted["value"][0]["deletedDateTime"]
    deleted = await wire.get("/directory/deletedItems/microsoft.graph.servicePrincipal")
    assert [item["id"] for item in deleted["value"]] == [principal]


async def test_the_recycle_bin_restores_and_purges(fleet):
    wire, made = fleet
    for application, _ in made[:2]:
        await wire.send("DELETE", f"/applications/{application}")
    restored = await wire.post(f"/directory/deletedItems/{made[0][0]}/restore", status=200)
    assert (restored["id"], restored["deletedDateTime"]) == (made[0][0], None)
    assert (await wire.get(f"/applications/{made[0][0]}"))["displayName"] == "App 0"
    assert (await wire.send("DELETE", f"/directory/deletedItems/{made[1][0]}")).status_code == 204
    assert (await wire.send("POST", f"/directory/deletedItems/{made[1][0]}/restore")).status_code == 404


async def test_the_recycle_bin_keeps_thirty_days(fleet):
    wire, made = fleet
    await wire.send("DELETE", f"/applications/{made[0][0]}")
    wire.emulator.controls.advance(30 * 86_400 + 1)
    await wire.sign_in()
    assert (await wire.send("POST", f"/directory/deletedItems/{made[0][0]}/restore")).status_code == 404
    assert (await wire.get("/directory/deletedItems/microsoft.graph.application"))["value"] == []


@pytest.mark.parametrize("kind", ["applications", "servicePrincipals"])
async def test_owners(fleet, kind):
    wire, made = fleet
    path = f"/{kind}/{made[0][kind == 'servicePrincipals']}/owners"
    user = wire.user_ids[0]
    body = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{user}"}
    await wire.post(f"{path}/$ref", body)
    assert user in [owner["id"] for owner in (await wire.get(path))["value"]]
    assert error_of(await wire.send("POST", f"{path}/$ref", body)) == (400, "Request_BadRequest")
    assert (await wire.send("DELETE", f"{path}/{user}/$ref")).status_code == 204
    assert user not in [owner["id"] for owner in (await wire.get(path))["value"]]


async def test_people_can_be_found(wire):
    user = await wire.get(f"/users/{wire.user_ids[0]}")
    assert (await wire.get(f"/users/{user['userPrincipalName']}"))["id"] == user["id"]
    found = await wire.get("/groups?$filter=displayName eq 'DBX-PROD-USERS'&$select=id,displayName")
    assert found["value"] == [{"id": found["value"][0]["id"], "displayName": "DBX-PROD-USERS"}]
    assert len(await wire.all_pages("/users?$top=10")) == 48
    members = await wire.get(f"/groups/{found['value'][0]['id']}/members")
    assert members["value"]
    assert (await wire.get(f"/groups/{found['value'][0]['id']}"))["displayName"] == "DBX-PROD-USERS"

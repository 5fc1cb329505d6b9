import pytest

from tests.graph_emulator.driver import AWS, CUSTOM, error_of

KNOWN = {
    AWS: "AWS Single-Account Access",
    CUSTOM: "Custom",
    "21ed01d2-ec13-4e9e-86c1-cd546719ebc4": "AWS IAM Identity Center (successor to AWS Single Sign-On)",
    "229946b9-a9fb-45b8-9531-efa47453ac9e": "Microsoft Entra SAML Toolkit",
    "518e5f48-1fc8-4c48-9387-9fdf28b0dfe7": "Cross-Tenant Synchronization Preview",
}


@pytest.mark.parametrize(("template_id", "name"), KNOWN.items())
async def test_the_published_ids_are_there(wire, template_id, name):
    assert (await wire.get(f"/applicationTemplates/{template_id}"))["displayName"] == name


@pytest.mark.parametrize(
    ("cloud", "template_id"),
    [("usgov", "4602d0b4-76bb-404b-bca9-2652e1a39c6d"), ("china", "5a532e38-1581-4918-9658-008dc27c1d68")],
)
async def test_each_cloud_has_its_own_non_gallery_id(open_tenant, cloud, template_id):
    wire = await open_tenant(cloud=cloud)
    assert (await wire.get(f"/applicationTemplates/{template_id}"))["displayName"] == "Custom"
    assert error_of(await wire.send("GET", f"/applicationTemplates/{CUSTOM}")) == (404, "Request_ResourceNotFound")


async def test_pages_together_are_the_gallery(wire):
    whole = await wire.get("/applicationTemplates?$top=999")
    assert len(whole["value"]) >= 40
    paged = await wire.all_pages("/applicationTemplates?$top=7")
    assert [t["id"] for t in paged] == [t["id"] for t in whole["value"]]
    skipped = await wire.get("/applicationTemplates?$skip=5&$top=3")
    assert skipped["value"] == whole["value"][5:8]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("displayName eq 'box'", ["Box"]),
        ("contains(displayName,'Single-Account')", ["AWS Single-Account Access"]),
        ("displayName eq 'Box' or displayName eq 'Slack'", ["Box", "Slack"]),
        ("displayName eq 'O''Reilly'", []),
    ],
)
async def test_filters_by_name(wire, query, names):
    found = await wire.get("/applicationTemplates", params={"$filter": query, "$select": "displayName"})
    assert found["value"] == [{"displayName": name} for name in names]


async def test_filters_by_category(wire):
    query = "categories/any(c:contains(c,'humanResources'))"
    found = await wire.get("/applicationTemplates", params={"$filter": query})
    assert found["value"]
    assert all("humanResources" in template["categories"] for template in found["value"])


@pytest.mark.parametrize("query", ["publisher eq 'Box'", "displayName ne 'Box'", "startswith(displayName,'B')"])
async def test_other_filters_are_not_documented_and_refused(wire, query):
    answer = await wire.send("GET", "/applicationTemplates", params={"$filter": query})
    assert error_of(answer) == (400, "Request_UnsupportedQuery")


async def test_some_templates_provision_and_some_do_not(wire):
    found = (await wire.get("/applicationTemplates?$top=999"))["value"]
    assert {tuple(template["supportedProvisioningTypes"]) for template in found} == {("sync",), ()}


async def test_an_application_comes_with_its_service_principal(wire):
    body = {"displayName": "AWS Prod", "serviceManagementReference": "CHG-1"}
    made = await wire.post(f"/applicationTemplates/{AWS}/instantiate", body, 201)
    application, principal = made["application"], made["servicePrincipal"]
    assert application["appId"] == principal["appId"]
    assert len({application["id"], principal["id"], application["appId"]}) == 3
    assert application["applicationTemplateId"] == principal["applicationTemplateId"] == AWS
    assert application["displayName"] == principal["displayName"] == "AWS Prod"
    assert application["serviceManagementReference"] == "CHG-1"
    assert application["tags"] == []
    assert principal["tags"] == ["WindowsAzureActiveDirectoryIntegratedApp"]
    assert [role["displayName"] for role in principal["appRoles"]] == ["msiam_access"]


async def test_the_same_again_makes_a_second_pair(wire):
    first, second = await wire.instantiate("Twin"), await wire.instantiate("Twin")
    assert set(first).isdisjoint(second)
    found = await wire.get("/applications?$filter=displayName eq 'Twin'")
    assert len(found["value"]) == 2


@pytest.mark.parametrize("body", [{}, {"displayName": None}, {"displayName": "  "}, {"displayName": "x" * 257}])
async def test_a_name_is_required(wire, body):
    answer = await wire.send("POST", f"/applicationTemplates/{AWS}/instantiate", body)
    assert error_of(answer) == (400, "Request_BadRequest")


async def test_an_unknown_template_makes_nothing(wire):
    path = "/applicationTemplates/00000000-0000-0000-0000-000000000000/instantiate"
    assert error_of(await wire.send("POST", path, {"displayName": "x"})) == (400, "BadRequest")
    assert wire.emulator.controls.state()["applications"] == []


async def test_the_object_quota_counts_the_deleted_too(open_tenant):
    wire = await open_tenant(object_quota=4)
    application, _ = await wire.instantiate()
    await wire.instantiate("second", AWS)
    await wire.send("DELETE", f"/applications/{application}")
    answer = await wire.send("POST", f"/applicationTemplates/{AWS}/instantiate", {"displayName": "third"})
    assert error_of(answer) == (403, "Directory_QuotaExceeded")


async def test_beta_has_no_template_id_on_the_application(wire):
    application, principal = await wire.instantiate()
    wire.version = "beta"
    assert "applicationTemplateId" not in await wire.get(f"/applications/{application}")
    assert "applicationTemplateId" in await wire.get(f"/servicePrincipals/{principal}")

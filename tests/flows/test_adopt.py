"""What was made by hand becomes a fleet: one write each, and nothing after that."""

import pytest

from flows.configuration.sign_in import open_client
from flows.fleet_file.loader import load_fleet
from flows.plan.adoption import build_adoption_file
from flows.provision import provision_fleet
from flows.tenant.unmanaged import find_unmanaged
from tests.estates import AWS, TENANT, estate, fleet, instance
from tests.tenant.crowds import settle

pytestmark = pytest.mark.usefixtures("without_prefect")


async def test_an_adopting_apply_writes_each_mark_and_the_next_one_nothing(tmp_path):
    path = tmp_path / "fleet.yaml"
    with estate(tmp_path / "tenant") as tenant:
        for number in range(3):
            settle(tenant.emulator, None, f"By hand {number}")
        async with open_client(None) as (graph, _):
            made = build_adoption_file("contoso", TENANT, await find_unmanaged(graph, "contoso", "Box", None))
        path.write_text(made.text, encoding="utf-8")
        tenant.forget()
        plan = await provision_fleet(str(path), dry_run=True)
        assert ({str(each.action) for each in plan.instances}, plan.writes) == ({"adopt"}, 3)
        assert tenant.requests(writes=True) == []
        # No secret is there to resolve: none of the references is read.
        outcome = await provision_fleet(str(path))
        assert outcome.summary["adopted"] == 3
        assert [record.operation for record in tenant.requests(writes=True)] == ["patch_application"] * 3
        assert sorted(tenant.applications()) == [f"entra-fleet:contoso:by-hand-{n}" for n in range(3)]
        tenant.forget()
        assert (await provision_fleet(str(path))).summary["unchanged"] == 3
        path.write_text("\n".join(line for line in made.text.splitlines() if "adopt:" not in line), encoding="utf-8")
        assert load_fleet(path).instances[0].adopt is None
        assert (await provision_fleet(str(path))).summary["unchanged"] == 3
        assert tenant.requests(writes=True) == []


ROLE = {"name": "Admins", "value": "arn:aws:iam::111122223333:role/A,arn:aws:iam::111122223333:saml-provider/E"}
SSO = {
    "identifiers": ["https://signin.aws.amazon.com/saml#7"],
    "reply_urls": ["https://signin.aws.amazon.com/saml"],
    "relay_state": "https://console.aws.amazon.com/",
    "notification_emails": ["ops@contoso.example"],
    "roles": [ROLE],
}


async def test_single_sign_on_is_adopted_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "good")
    path = tmp_path / "fleet.yaml"
    with estate(tmp_path / "tenant") as tenant:
        await provision_fleet(fleet(instance("eu", AWS, sso=SSO)))
        directory, now = tenant.emulator.tenant.directory, tenant.emulator.clock.now()
        for application in directory.live["application"].values():
            directory.patch(application, {"tags": []}, now)
        for principal in directory.live["servicePrincipal"].values():
            # What a fleet file cannot say is left alone, and told.
            names = {"notificationEmailAddresses": ["ops@contoso.example", "{key}@contoso.example"]}
            directory.patch(principal, {"tags": []} | names, now)
        tenant.emulator.controls.advance(600)
        async with open_client(None) as (graph, _):
            made = build_adoption_file("contoso", TENANT, await find_unmanaged(graph, "contoso", AWS, None))
        path.write_text(made.text, encoding="utf-8")
        (adopted,) = load_fleet(path).instances
        assert adopted.sso.model_dump(exclude_defaults=True, mode="json") == SSO
        assert "{key}@contoso.example" in made.text
        plan = await provision_fleet(str(path), dry_run=True)
        assert ([str(each.action) for each in plan.instances], plan.writes) == (["adopt"], 1)


async def test_a_sign_on_without_a_certificate_is_left_to_a_person(tmp_path):
    with estate(tmp_path / "tenant") as tenant:
        principal_id = settle(tenant.emulator, None, "By hand", AWS)
        directory, now = tenant.emulator.tenant.directory, tenant.emulator.clock.now()
        directory.patch(directory.live["servicePrincipal"][principal_id], {"preferredSingleSignOnMode": "saml"}, now)
        tenant.emulator.controls.advance(600)
        async with open_client(None) as (graph, _):
            made = build_adoption_file("contoso", TENANT, await find_unmanaged(graph, "contoso", AWS, None))
        path = tmp_path / "fleet.yaml"
        path.write_text(made.text, encoding="utf-8")
        assert load_fleet(path).instances[0].sso is None
        assert "certificate" in made.text

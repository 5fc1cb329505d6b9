import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from graph_emulator import Clock, EmulatedCloud, EmulatorError, EmulatorSettings, FaultRule
from graph_emulator.faults.rules import read_fault
from graph_emulator.provisioning.cross_tenant import GuestWriter
from tests.graph_emulator.cross_tenant.conftest import HOME, TARGET
from tests.graph_emulator.driver import error_of


async def test_a_token_reads_its_own_tenant_and_no_other(pair):
    for wire, name in ((pair.source, "Contoso"), (pair.target, "Fabrikam")):
        assert [each["displayName"] for each in (await wire.get("/organization"))["value"]] == [name]
    ids = [{each["id"] for each in await wire.all_pages("/users")} for wire in (pair.source, pair.target)]
    assert all(ids)
    assert ids[0].isdisjoint(ids[1])
    await pair.source.instantiate()
    assert (await pair.target.get("/applications"))["value"] == []
    assert pair.target.emulator.requests.sequence < pair.source.emulator.requests.sequence


async def test_sign_in_by_domain_and_to_no_tenant(pair):
    form = {"grant_type": "client_credentials", "client_id": pair.target.emulator.settings.client_id}
    form |= {"client_secret": "fabrikam~secret", "scope": "https://graph.microsoft.com/.default"}
    for tenant, status in (("fabrikam.example", 200), (TARGET, 200), (HOME, 401), ("nowhere.example", 400)):
        answer = await pair.source.client.post(f"/{tenant}/oauth2/v2.0/token", data=form)
        assert answer.status_code == status
    stranger = await pair.source.send("GET", "/organization", headers={"Authorization": "Bearer a.b.c"})
    assert error_of(stranger) == (401, "InvalidAuthenticationToken")


async def test_sign_in_of_one_tenant_can_be_refused_or_be_down(pair):
    controls = pair.target.emulator.controls
    for rule, status in (("token x1: 401", 401), ("token x1: 503", 503)):
        controls.add_faults([read_fault(rule)])
        assert (await pair.target.sign_in()).status_code == status
        assert (await pair.source.sign_in()).status_code == 200
    controls.add_faults([read_fault("token x1: reset")])
    with pytest.raises(httpx.TransportError):
        await pair.target.sign_in()
    assert (await pair.target.sign_in()).status_code == 200
    controls.add_faults([FaultRule("status", operation="token", status=400, code="700016")])
    assert (await pair.target.sign_in()).json()["error_codes"] == [700016]


async def test_a_rule_about_everything_leaves_sign_in_alone(open_pair):
    pair = await open_pair(faults=[read_fault("*: 503")])
    for wire in (pair.source, pair.target):
        assert (await wire.send("GET", "/organization")).status_code == 503


async def test_budgets_are_those_of_each_tenant(open_pair):
    pair = await open_pair(throttling=True, writes_per_window=2)
    for _ in range(2):
        await pair.source.instantiate()
    template = await pair.source.template_id("Box")
    again = await pair.source.send("POST", f"/applicationTemplates/{template}/instantiate", {"displayName": "Third"})
    assert again.status_code == 429
    await pair.target.instantiate()


async def test_the_controls_of_each_tenant(pair):
    for prefix, name in (("", HOME), (f"/tenants/{HOME}", HOME), (f"/tenants/{TARGET}", TARGET)):
        assert (await pair.source.get(f"/_emulator{prefix}/state"))["tenantId"] == name
    body = {"tenant_id": HOME, "body": {"isServiceProvider": True}}
    assert (await pair.source.send("POST", f"/_emulator/tenants/{TARGET}/partners", body)).status_code == 204
    assert pair.target.emulator.tenant.partners.bodies[HOME]["isServiceProvider"] is True
    assert pair.source.emulator.tenant.partners.bodies == {}
    path = f"/_emulator/tenants/{TARGET}/identity-synchronization"
    for allowed, status in ((True, 204), ("yes", 400), (None, 204)):
        answer = await pair.source.send("POST", path, {"tenant_id": HOME, "allowed": allowed})
        assert answer.status_code == status
    assert pair.target.emulator.tenant.partners.synchronizations == {}
    body = {"tenant_id": HOME, "changes": None}
    for status in (204, 400):
        assert (await pair.source.send("POST", f"/_emulator/tenants/{TARGET}/partner", body)).status_code == status
    assert (await pair.source.get(f"/_emulator/tenants/{TARGET}/guests?tenant_id={HOME}"))["guests"] == []


@pytest.mark.parametrize("tenants", [[], [EmulatorSettings(), EmulatorSettings()]])
def test_no_cloud_without_tenants_or_with_one_twice(tenants):
    with pytest.raises(EmulatorError):
        EmulatedCloud(tenants)


def test_every_tenant_has_its_variables(tmp_path):
    home = EmulatorSettings()
    cloud = EmulatedCloud([home, replace(home, tenant_id=TARGET, tenant_name="Fabrikam", client_secret="other")])
    with cloud.serve(directory=tmp_path) as served:
        found = served.environment
    assert (found["AZURE_TENANT_ID"], found["FABRIKAM_AZURE_TENANT_ID"]) == (home.tenant_id, TARGET)
    assert found["FABRIKAM_AZURE_CLIENT_SECRET"] == "other"
    assert "FABRIKAM_AZURE_TENANT_ID" in (tmp_path / "env.sh").read_text()


def test_tenants_that_write_into_each_other_wait_for_each_other(monkeypatch):
    ids = [HOME, TARGET]
    tenants = [EmulatorSettings(tenant_id=each, tenant_name=f"T{n}") for n, each in enumerate(ids)]
    cloud = EmulatedCloud(tenants, Clock.frozen())
    for mine, theirs in (ids, reversed(ids)):
        tenant, controls = cloud[mine].tenant, cloud[mine].controls
        controls.seed_partner(theirs, {"automaticUserConsentSettings": {"outboundAllowed": True}})
        controls.set_identity_synchronization(theirs, True)
        template = tenant.gallery["518e5f48-1fc8-4c48-9387-9fdf28b0dfe7"]
        _, principal = tenant.directory.instantiate(template, "Other", None, "", 0.0)
        secrets = {"CompanyId": theirs, "AuthenticationType": "SyncPolicy", "SyncAll": "true"}
        tenant.secrets_of(principal.id).save(secrets, merge=False, now=0.0, visible_at=0.0)
        controls.act_on_job(tenant.jobs.create(principal, "Azure2Azure").id, "start")

    inside, most, write = set(), [], GuestWriter.create

    def watched(writer: GuestWriter, kind: str, subject: dict) -> str | None:
        inside.add(threading.get_ident())
        most.append(len(inside))
        error = write(writer, kind, subject)
        threading.Event().wait(0.0005)  # gives another thread the chance to come in
        inside.discard(threading.get_ident())
        return error

    monkeypatch.setattr(GuestWriter, "create", watched)

    def look(tenant_id: str) -> int:
        cloud.clock.advance(6)
        return len(cloud[tenant_id].controls.guests())

    with ThreadPoolExecutor(2) as threads:
        assert all(threads.map(look, ids, timeout=60))
    assert max(most) == 1

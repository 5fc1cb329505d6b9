"""Provisioning writes to the target systems that run here, and what they refuse fails."""

import pytest

from graph_emulator.scim.server import FAULTS, name_in
from tests.graph_emulator.driver import CUSTOM, error_of

ADDRESS = "https://localhost:8443/scim/one"


@pytest.fixture(params=["in process"])
def door(request):
    """One way in is enough: what happens behind it is tested here."""
    return request.param


@pytest.fixture
async def wire(open_tenant):
    return await open_tenant(users=12, groups=3, entry_failure_share=0.0)


async def started(wire, address=ADDRESS, **secrets):
    return await wire.running_job(CUSTOM, "scim", BaseAddress=address, **secrets)


def server(wire):
    return wire.emulator.tenant.scim.server("one")


def accounts(wire):
    return {each["userName"]: each for each in wire.emulator.tenant.scim.accounts("one")}


def active_users(wire):
    people = wire.emulator.tenant.people.users.values()
    return {each["userPrincipalName"] for each in people if each["accountEnabled"]}


def written(wire):
    return [(method, path.partition("/")[0]) for method, path, _ in server(wire).log if method != "GET"]


async def test_a_cycle_creates_the_accounts_of_those_in_scope(wire):
    principal, _ = await started(wire)
    wire.settle()
    state = wire.emulator.controls.state()
    assert set(accounts(wire)) == active_users(wire)
    assert state["targets"] == {"one": len(active_users(wire))}
    assert state["events"][principal]["success"] == len(active_users(wire)) + 3
    assert written(wire).count(("POST", "Groups")) == 3
    one = next(iter(accounts(wire).values()))
    assert (one["active"], one["emails"][0]["type"], bool(one["id"])) == (True, "work", True)


async def test_who_is_there_already_is_found_and_not_created_again(wire):
    _, job = await started(wire)
    wire.settle()
    wire.emulator.controls.state()
    await wire.post(f"{job}/restart", {"criteria": {"resetScope": "Full"}})
    wire.emulator.tenant.jobs.all()[0].target.present.clear()
    server(wire).log.clear()
    wire.settle()
    wire.emulator.controls.state()
    assert set(accounts(wire)) == active_users(wire)
    assert {method for method, _ in written(wire)} == {"PATCH"}


@pytest.mark.parametrize("address", [ADDRESS, f"{ADDRESS}?aadOptscim062020"])
async def test_who_leaves_the_scope_is_disabled(wire, address):
    principal, job = await started(wire, address)
    wire.settle()
    await wire.save(principal, {"BaseAddress": address, "SecretToken": "good", "SyncAll": "false"})
    await wire.post(f"{job}/restart", {})
    wire.settle()
    wire.emulator.controls.state()
    assert {each["active"] for each in accounts(wire).values()} == {False}
    assert written(wire).count(("DELETE", "Groups")) == 3
    assert all("scim062020" not in query for _, _, query in server(wire).log)


async def test_a_target_that_is_elsewhere_is_not_written_to(wire):
    principal, _ = await started(wire, "https://one.example.net/scim/one")
    wire.settle()
    state = wire.emulator.controls.state()
    assert state["targets"] == {}
    assert state["events"][principal]["success"]


REFUSED = {"404-for-empty": "404 Not Found", "wrong-content-type": "text/html", "slow-target": "timed out"} | {
    "redirecting": "301"
}


@pytest.mark.parametrize("fault", REFUSED)
async def test_a_faulty_target_is_refused_when_its_credentials_are_tried(wire, fault):
    server(wire).fault = fault
    _, principal = await wire.instantiate("one", CUSTOM)
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    answer = await wire.validate(path, {"BaseAddress": ADDRESS, "SecretToken": "good"})
    assert error_of(answer) == (400, "CredentialValidationUnavailable")
    assert REFUSED[fault] in answer.json()["error"]["message"]


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - set(REFUSED) - {"ending-token"}))
async def test_other_faults_are_not_seen_by_that(wire, fault):
    server(wire).fault = fault
    _, principal = await wire.instantiate("one", CUSTOM)
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    assert (await wire.validate(path, {"BaseAddress": ADDRESS, "SecretToken": "good"})).status_code == 204


async def test_a_token_that_ends_puts_the_job_into_quarantine(wire):
    _, job = await started(wire)
    server(wire).fault = "ending-token"
    wire.settle()
    await wire.get(job)
    assert set(accounts(wire)) == active_users(wire)
    wire.emulator.controls.advance(120)
    quarantine = (await wire.get(job))["status"]["quarantine"]
    assert "Unauthorized (401)" in quarantine["error"]["message"]


async def test_what_the_target_refuses_fails_one_by_one(wire):
    server(wire).fault = "no-groups"
    principal, _ = await started(wire)
    wire.settle()
    events = await wire.all_pages("/auditLogs/provisioning")
    failed = [each["provisioningStatusInfo"]["errorInformation"] for each in events]
    assert [each["errorCode"] for each in failed if each] == ["InsufficientRights"] * 3
    counts = wire.emulator.controls.state()["events"][principal]
    assert (counts["success"], counts["failure"]) == (len(active_users(wire)), 3)


async def test_somebody_provisioned_on_demand_has_an_account_at_once(wire):
    principal, job = await started(wire, SyncAll="false")
    wire.settle()
    user = wire.user_ids[0]
    await wire.assign(principal, user)
    rules = (await wire.get(f"{job}/schema"))["synchronizationRules"]
    subject = {"objectId": user, "objectTypeName": "User"}
    await wire.post(
        f"{job}/provisionOnDemand", {"parameters": [{"ruleId": rules[0]["id"], "subjects": [subject]}]}, 200
    )
    name = wire.emulator.tenant.people.users[user]["userPrincipalName"]
    assert list(accounts(wire)) == [name]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (ADDRESS, "one"),
        ("http://127.0.0.1/scim/a-b_1/", "a-b_1"),
        (f"{ADDRESS}?aadOptscim062020", "one"),
        ("https://localhost.example/scim/one", None),
        ("https://localhost/other/one", None),
        ("https://localhost/scim/one/Users", None),
        ("", None),
    ],
)
def test_which_addresses_are_here(address, name):
    assert name_in(address) == name


async def test_a_target_asks_for_a_token_and_the_request_log_keeps_none(wire):
    assert (await wire.client.get("/scim/one/Users")).status_code == 401
    answer = await wire.client.get("/scim/one/Users", headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/scim+json")
    answer = await wire.client.get("/scim/one/Users", headers={"Authorization": "Bearer good-m4rk3r"})
    assert answer.json()["totalResults"] == 0
    records = [record for record in wire.emulator.requests if record.operation == "scim"]
    assert [record.status for record in records] == [401, 401, 200]
    assert "m4rk3r" not in str(records)
    await wire.client.post("/_emulator/credentials", json={"reject": "good-m4rk3r"})
    answer = await wire.client.get("/scim/one/Users", headers={"Authorization": "Bearer good-m4rk3r"})
    assert answer.status_code == 401

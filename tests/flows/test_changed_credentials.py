import asyncio
import json
import logging
from pathlib import Path

import pytest

from flows.configuration.blocks import AppCredentials
from flows.configuration.environment import add_prefect_variables, environment
from flows.provision import provision_fleet
from flows.store import open_store
from tests.cli.conftest import finished, started
from tests.estates import DATABRICKS, TENANT, estate, fleet, instance
from tests.key_vault import key_vaults

pytestmark = pytest.mark.usefixtures("without_prefect")

SAVED = ["validate_job_credentials", "put_secrets"]


@pytest.fixture(autouse=True)
def token():
    with add_prefect_variables({"TOKEN": "a good token", "OTHER": "another good token"}):
        yield


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant") as served:
        yield served


async def provision(wanted, **parameters):
    state = await provision_fleet(wanted, **parameters, return_state=True)
    return await state.aresult(raise_on_failure=False)


def writes(tenant):
    return [record.operation for record in tenant.requests(writes=True)]


def two():
    return fleet(instance("one"), instance("two", credentials={"SecretToken": "${env:OTHER}"}))


async def test_a_changed_credential_is_validated_and_saved_and_no_other(tenant):
    first = await provision(two())
    tenant.forget()
    with add_prefect_variables({"OTHER": "a renewed good token"}):
        outcome = await provision(two())
        assert [each.outcome for each in outcome.instances] == ["unchanged", "updated"]
        assert tenant.operations_by_principal() == {first.instances[1].service_principal_id: SAVED}
        (saved,) = tenant.requests("put_secrets")
        assert {"key": "SecretToken", "value": "a renewed good token"} in saved.body["value"]
        assert {"key": "SyncAll", "value": "true"} in saved.body["value"]
        tenant.forget()
        assert (await provision(two())).summary["unchanged"] == 2
    assert writes(tenant) == []


async def test_the_journal_names_the_changed_credential_and_not_its_value(tenant):
    await provision(two())
    with add_prefect_variables({"OTHER": "a renewed good token"}):
        await provision(two())
    with open_store(environment().store_url) as store:
        run, *_ = store.journal.runs()
        (change,) = store.journal.changes(run.id)
    assert (change.key, change.outcome) == ("two", "updated")
    assert [(each.field, each.before, each.after) for each in change.fields] == [
        ("credentials.SecretToken", None, None)
    ]


async def test_an_empty_store_needs_no_value_and_writes_nothing(tenant, tmp_path):
    await provision(two())
    tenant.forget()
    with add_prefect_variables(
        {"ENTRA_FLEET_STORE": f"sqlite:///{tmp_path / 'empty.db'}", "TOKEN": "", "OTHER": "changed"}
    ):
        outcome = await provision(two())
    assert outcome.summary["unchanged"] == 2
    assert writes(tenant) == []


async def test_saving_on_request_makes_unknown_credentials_known(tenant, tmp_path):
    await provision(two())
    with add_prefect_variables({"ENTRA_FLEET_STORE": f"sqlite:///{tmp_path / 'empty.db'}"}):
        await provision(two(), only=["two"], save_credentials=True)
        with open_store(environment().store_url) as store:
            assert {key for _, key in store.fingerprints.known(TENANT)} == {"SecretToken"}
        tenant.forget()
        with add_prefect_variables({"TOKEN": "renewed and good", "OTHER": "renewed and good"}):
            outcome = await provision(two())
    assert [each.outcome for each in outcome.instances] == ["unchanged", "updated"]
    assert writes(tenant) == SAVED


async def test_what_cannot_be_resolved_is_that_instances_failure(tenant):
    await provision(two())
    tenant.forget()
    with add_prefect_variables({"TOKEN": ""}):
        outcome = await provision(two())
    assert [each.outcome for each in outcome.instances] == ["failed", "unchanged"]
    failure = outcome.instances[0].failure
    assert (failure.step, failure.code) == ("compare-credentials", "ReferenceUnresolved")
    assert failure.message.startswith("one: credentials.SecretToken: ${env:TOKEN}: ")
    assert "TOKEN" in failure.hint
    assert outcome.instances[0].job_id
    assert writes(tenant) == []


async def test_a_changed_credential_that_is_rejected_is_not_saved_and_tried_again(tenant):
    await provision(two())
    tenant.forget()
    for _ in range(2):
        with add_prefect_variables({"OTHER": "a wrong token"}):
            outcome = await provision(two())
        assert [each.outcome for each in outcome.instances] == ["unchanged", "failed"]
        assert outcome.instances[1].failure.step == "validate-credentials"
    assert writes(tenant) == ["validate_job_credentials"] * 2
    assert (await provision(two())).summary["unchanged"] == 2


async def test_a_reference_to_what_is_no_secret_is_compared_as_well(tenant):
    addressed = instance("one", DATABRICKS, credentials={"SecretToken": "${env:TOKEN}", "BaseAddress": "${env:WHERE}"})
    with add_prefect_variables({"WHERE": "https://one.example.net/scim"}):
        await provision(fleet(addressed))
    tenant.forget()
    with add_prefect_variables({"WHERE": "https://two.example.net/scim"}):
        await provision(fleet(addressed))
    assert writes(tenant) == SAVED


async def test_another_fingerprint_key_makes_everything_unknown(tenant):
    await provision(two())
    tenant.forget()
    with add_prefect_variables(
        {"ENTRA_FLEET_FINGERPRINT_KEY": "another key, long enough", "OTHER": "renewed and good"}
    ):
        outcome = await provision(two())
    assert (outcome.summary["unchanged"], writes(tenant)) == (2, [])


async def test_the_key_of_the_environment_leaves_no_file(tmp_path):
    with (
        add_prefect_variables({"ENTRA_FLEET_FINGERPRINT_KEY": "a key that is long enough"}),
        estate(tmp_path / "tenant") as tenant,
    ):
        await provision(two())
        tenant.forget()
        with add_prefect_variables({"OTHER": "renewed and good"}):
            await provision(two())
        assert writes(tenant) == SAVED
    assert list((tmp_path / "tenant").glob("*fingerprint*")) == []


@pytest.mark.prefect
async def test_without_a_key_nothing_is_fingerprinted_and_the_log_says_so(tenant, postgres_url, caplog):
    with add_prefect_variables({"ENTRA_FLEET_STORE": postgres_url}), caplog.at_level(logging.WARNING):
        await provision(two())
        assert [record.getMessage().split(",")[0] for record in caplog.records if "finger" in record.getMessage()] == [
            "There is no fingerprint key"
        ]
        tenant.forget()
        with add_prefect_variables({"OTHER": "renewed and good"}):
            outcome = await provision(two())
        with open_store(postgres_url) as store:
            assert store.fingerprints.known(TENANT) == frozenset()
    assert (outcome.summary["unchanged"], writes(tenant)) == (2, [])


async def test_the_store_holds_no_value(tenant):
    await provision(two())
    (path,) = Path(environment().store_url.removeprefix("sqlite:///")).parent.glob("store.db")
    content = b"".join(found.read_bytes() for found in path.parent.glob("store.db*"))
    assert b"SecretToken" in content
    assert b"good token" not in content


@pytest.mark.prefect
async def test_a_block_is_loaded_once_for_all_that_are_compared(tenant, prefect_calls):
    fields = {f"k{n}": f"good {n}" for n in range(20)}
    await AppCredentials(fields=fields).save("box", overwrite=True)
    wanted = fleet(*(instance(key, credentials={"SecretToken": f"${{block:box/{key}}}"}) for key in fields))
    await provision(wanted, concurrency=20)
    await AppCredentials(fields=fields | {"k7": "renewed and good"}).save("box", overwrite=True)
    tenant.forget()
    with prefect_calls() as calls:
        outcome = await provision(wanted, concurrency=20)
    assert (outcome.summary["unchanged"], outcome.summary["updated"], writes(tenant)) == (19, 1, SAVED)
    assert 0 < len(calls) <= 20


@pytest.fixture
def vaults(tenant, tmp_path):
    with key_vaults(tmp_path) as served:
        served.set("kv/one", "good one", "v1")
        served.set("kv/two", "good two", "v1")
        yield served


def vaulted():
    return fleet(*(instance(key, credentials={"SecretToken": "${keyvault:kv/{key}}"}) for key in ("one", "two")))


async def test_a_new_version_in_key_vault_is_a_change(tenant, vaults):
    assert (await provision(vaulted())).summary["created"] == 2
    vaults.set("kv/two", "good two", "v2")
    tenant.forget()
    outcome = await provision(vaulted())
    assert [each.outcome for each in outcome.instances] == ["unchanged", "updated"]
    assert writes(tenant) == SAVED
    vaults.asked.clear()
    assert (await provision(vaulted())).summary["unchanged"] == 2
    assert sorted(vaults.asked) == ["kv/one", "kv/two"]


async def test_a_secret_that_is_gone_from_key_vault_fails_its_instance_only(tenant, vaults):
    await provision(vaulted())
    del vaults.secrets["kv", "one"]
    vaults.set("kv/two", "good two", "v2")
    outcome = await provision(vaulted())
    assert [each.outcome for each in outcome.instances] == ["failed", "updated"]
    assert "${keyvault:kv/one}: does not exist in kv.vault.azure.net" in outcome.instances[0].failure.message


async def test_planning_reads_no_value(tenant, vaults, tmp_path):
    mixed = {"SecretToken": "${keyvault:kv/one}", "BaseAddress": "${env:WHERE}"}
    wanted = fleet(instance("one", DATABRICKS, credentials=mixed))
    new = instance("new", credentials={"SecretToken": "${file:/nowhere/at/all}"})
    with add_prefect_variables({"WHERE": "https://one.example.net"}):
        await provision(wanted)
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps(fleet(*wanted["instances"], new)))
    vaults.asked.clear()
    challenged = vaults.challenged
    vaults.refuse(403, "Forbidden", "ForbiddenByRbac", times=99)
    planned = await asyncio.to_thread(finished, started("plan", path, "--output", "json"))
    assert planned.code == 0, planned.err
    assert [each["action"] for each in json.loads(planned.out)["instances"]] == ["none", "create"]
    dry = await provision(json.loads(path.read_text()), dry_run=True)
    assert [str(each.action) for each in dry.instances] == ["none", "create"]
    assert (vaults.asked, vaults.challenged) == ([], challenged)

import pytest

from tests.graph_emulator.driver import AWS, error_of

FAILED = "CredentialValidationUnavailable"
AWS_KEYS = {"ClientSecret": "AKIA", "SecretToken": "good"}


@pytest.fixture
async def box(wire):
    _, principal = await wire.instantiate()
    return wire, principal, f"/servicePrincipals/{principal}/synchronization"


async def test_good_credentials_pass_before_there_is_a_job(box):
    wire, _, base = box
    assert (await wire.validate(f"{base}/jobs", {"SecretToken": "good"}, templateId="BoxOutDelta")).status_code == 204


async def test_good_credentials_pass_on_a_job(box):
    wire, principal, _ = box
    job = await wire.make_job(principal)
    assert (await wire.validate(job, {"SecretToken": "good"})).status_code == 204


@pytest.mark.parametrize("value", ["wrong", "a Rejected one", "*", ""])
async def test_bad_credentials_are_refused_in_the_words_of_the_target(box, value):
    wire, _, base = box
    answer = await wire.validate(f"{base}/jobs", {"SecretToken": value})
    assert error_of(answer) == (400, FAILED)
    assert "Box" in answer.json()["error"]["message"]
    assert value not in answer.json()["error"]["message"] or len(value) < 2


@pytest.mark.parametrize("missing", AWS_KEYS)
async def test_each_template_has_keys_of_its_own(wire, missing):
    _, principal = await wire.instantiate("AWS", AWS)
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    assert (await wire.validate(path, AWS_KEYS)).status_code == 204
    answer = await wire.validate(path, {key: value for key, value in AWS_KEYS.items() if key != missing})
    assert error_of(answer) == (400, FAILED)
    assert missing in answer.json()["error"]["message"]


async def test_a_target_may_accept_exactly_one_secret(open_tenant):
    url = "https://adb-1.example.net/scim"
    wire = await open_tenant(accepted_secrets=((url, "s3cret"),))
    _, principal = await wire.instantiate("DBX", "Azure Databricks SCIM Provisioning Connector")
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    assert (await wire.validate(path, {"BaseAddress": f"{url}/", "SecretToken": "s3cret"})).status_code == 204
    assert (await wire.validate(path, {"BaseAddress": url, "SecretToken": "other"})).status_code == 400
    other = {"BaseAddress": "https://adb-2.example.net/scim", "SecretToken": "other"}
    assert (await wire.validate(path, other)).status_code == 204


async def test_how_a_failed_validation_looks_is_a_switch(open_tenant):
    wire = await open_tenant(validate_failure_status=422, validate_failure_code="Unavailable")
    _, principal = await wire.instantiate()
    answer = await wire.validate(f"/servicePrincipals/{principal}/synchronization/jobs", {"SecretToken": "wrong"})
    assert error_of(answer) == (422, "CredentialValidationUnavailable")
    assert answer.json()["error"]["innerError"]["code"] == "Unavailable"
    wire = await open_tenant(validate_failure_form="flat", validate_failure_code="Unavailable")
    _, principal = await wire.instantiate()
    answer = await wire.validate(f"/servicePrincipals/{principal}/synchronization/jobs", {"SecretToken": "wrong"})
    assert error_of(answer) == (400, "Unavailable")


async def test_saved_credentials_can_be_tried(box):
    wire, principal, base = box
    assert (await wire.validate(f"{base}/jobs", {}, useSavedCredentials=True)).status_code == 400
    await wire.save(principal, {"SecretToken": "good"})
    # What is sent along is ignored then.
    assert (await wire.validate(f"{base}/jobs", {"SecretToken": "wrong"}, useSavedCredentials=True)).status_code == 204


async def test_sensitive_values_are_masked_and_others_are_not(box):
    wire, principal, base = box
    await wire.save(principal, {"SecretToken": "good", "SyncAll": "false", "BaseAddress": "https://b.example"})
    shown = {pair["key"]: pair["value"] for pair in (await wire.get(f"{base}/secrets"))["value"]}
    assert shown == {"SecretToken": "*", "SyncAll": "false", "BaseAddress": "https://b.example"}


@pytest.mark.parametrize(("mode", "left"), [("replace", {"SyncAll"}), ("merge", {"SecretToken", "SyncAll"})])
async def test_saving_replaces_or_merges(open_tenant, mode, left):
    wire = await open_tenant(secrets_put=mode)
    _, principal = await wire.instantiate()
    await wire.save(principal, {"SecretToken": "good", "SyncAll": "true"})
    await wire.save(principal, {"SyncAll": "false"})
    assert set(wire.emulator.controls.state()["secrets"][principal]) == left
    await wire.save(principal, {"SyncAll": ""})
    assert "SyncAll" not in wire.emulator.controls.state()["secrets"].get(principal, [])


async def test_a_mask_written_back_destroys_the_secret(box):
    wire, principal, base = box
    await wire.save(principal, {"SecretToken": "good"})
    assert (await wire.save(principal, {"SecretToken": "*"})).status_code == 204
    assert (await wire.validate(f"{base}/jobs", {}, useSavedCredentials=True)).status_code == 400


async def test_saved_secrets_may_show_late(open_tenant):
    wire = await open_tenant(secrets_lag_seconds=2)
    _, principal = await wire.instantiate()
    path = f"/servicePrincipals/{principal}/synchronization/secrets"
    await wire.save(principal, {"SecretToken": "good"})
    assert (await wire.get(path))["value"] == []
    wire.emulator.controls.advance(2)
    assert (await wire.get(path))["value"] == [{"key": "SecretToken", "value": "*"}]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"value": {}},
        {"value": [{"value": "x"}]},
        {"value": [{"key": "SyncAll", "value": True}]},
        {"value": [{"key": "SyncAll", "value": "a"}, {"key": "SyncAll", "value": "b"}]},
        {"value": [{"key": "SyncAll", "value": "a", "more": 1}]},
        {"value": [None]},
    ],
)
async def test_a_malformed_set_is_refused_and_changes_nothing(box, body):
    wire, principal, base = box
    await wire.save(principal, {"SecretToken": "good"})
    assert (await wire.send("PUT", f"{base}/secrets", body)).status_code == 400
    assert wire.emulator.controls.state()["secrets"] == {principal: ["SecretToken"]}


@pytest.mark.parametrize("key", ["NoSuchKey", "secretToken"])
async def test_a_key_that_does_not_exist_breaks_the_service(box, key):
    wire, _, base = box
    assert error_of(await wire.send("PUT", f"{base}/secrets", {"value": [{"key": key, "value": "x"}]})) == (
        500,
        "InternalError",
    )
    assert wire.emulator.controls.state()["secrets"] == {}


async def test_secrets_outlive_the_job(box):
    wire, principal, base = box
    job = await wire.make_job(principal)
    await wire.save(principal, {"SecretToken": "good"})
    assert (await wire.send("DELETE", job)).status_code == 204
    assert (await wire.send("GET", f"{base}/jobs")).status_code == 404
    assert (await wire.get(f"{base}/secrets"))["value"] == [{"key": "SecretToken", "value": "*"}]


async def test_no_value_is_in_the_state(box):
    wire, principal, _ = box
    await wire.save(principal, {"SecretToken": "marker-value"})
    assert "marker-value" not in str(wire.emulator.controls.state())

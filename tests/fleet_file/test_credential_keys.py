"""What a user sees when credentials or assignments are wrong, above all literal secrets."""

from pathlib import Path

import pytest

from flows.fleet_file.credential_keys import CREDENTIAL_KEYS, FIELD_OF_KEY, SENSITIVE_KEYS
from flows.fleet_file.loader import FleetFileError, load_fleet
from tests.fleet_file.problems import shows

TENANT = "tenant_id: 7928d5b5-7442-4a97-a02d-66f9a9972ec0\n"
HEAD = "fleet: contoso\n" + TENANT
INSTANCE = """\
instances:
  - key: prod-eu
    display_name: Prod EU
    template: Box
"""
FORMS = "${env:NAME}, ${file:/absolute/path}, ${block:name/field} or ${keyvault:vault/name}"
USE = f"Use {FORMS}, and rotate the secret if it was written here."
WHOLE = f"Use {FORMS} as the whole value; it may contain {{key}} and {{display_name}}."
GUID_ADVICE = "Write it as 8-4-4-4-12 hexadecimal digits; the Entra admin center shows it."


def credential(line):
    return HEAD + INSTANCE + f"    credentials:\n      {line}\n"


def field(line):
    return HEAD + INSTANCE + f"    {line}\n"


BAD = {
    "literal secret": (
        credential("SecretToken: hunter2"),
        [("fleet.yaml:8:7: instances[0].credentials.SecretToken", "reference")],
    ),
    "secret around a reference": (
        credential("Password: hunter2${env:X}"),
        [("fleet.yaml:8:7: instances[0].credentials.Password", "reference")],
    ),
    "reference inside a literal": (
        credential("BaseAddress: https://${env:HOST}/scim"),
        [("fleet.yaml:8:7: instances[0].credentials.BaseAddress", "reference")],
    ),
    "reference of an unknown kind": (
        credential("SecretToken: ${vault:hunter2}"),
        [("fleet.yaml:8:7: instances[0].credentials.SecretToken", "reference")],
    ),
    "relative file": (
        credential("SecretToken: ${file:hunter2}"),
        [("fleet.yaml:8:7: instances[0].credentials.SecretToken", "reference")],
    ),
    "misspelt placeholder": (
        credential("SecretToken: ${keyvault:kv/x-{kye}}"),
        [("fleet.yaml:8:7: instances[0].credentials.SecretToken", "reference")],
    ),
    "secret in braces": (
        credential("SecretToken: {hunter2}"),
        [
            ("fleet.yaml:8:7: instances[0].credentials.SecretToken", "is a map"),
            ("fleet.yaml:8:21: instances[0].credentials.SecretToken.…", "no value"),
        ],
    ),
    "blank credential": (
        credential("Domain: ''"),
        [("fleet.yaml:8:7: instances[0].credentials.Domain", "blank")],
    ),
    "credential key in another case": (
        credential("secretToken: hunter2"),
        [("fleet.yaml:8:7: instances[0].credentials.secretToken", "SecretToken")],
    ),
    "unknown credential key": (
        credential("Zzz: hunter2"),
        [("fleet.yaml:8:7: instances[0].credentials.Zzz",)],
    ),
    "scope as a credential": (
        credential("SyncAll: 'true'"),
        [("fleet.yaml:8:7: instances[0].credentials.SyncAll",)],
    ),
    "notification settings as a credential": (
        credential("SyncNotificationSettings: '{}'"),
        [("fleet.yaml:8:7: instances[0].credentials.SyncNotificationSettings",)],
    ),
    "out-of-scope setting as a credential": (
        credential("SkipOutOfScopeDeletions: 'True'"),
        [("fleet.yaml:8:7: instances[0].credentials.SkipOutOfScopeDeletions",)],
    ),
    "assignment of nobody": (
        field("assignments: [{role: User}]"),
        [("fleet.yaml:7:19: instances[0].assignments[0]",)],
    ),
    "assignment of both": (
        field(
            f"assignments: [{{group: {'0' * 8}-0000-0000-0000-{'0' * 12}, user: {'0' * 8}-0000-0000-0000-{'0' * 12}}}]"
        ),
        [("fleet.yaml:7:19: instances[0].assignments[0]",)],
    ),
    "assignment by name": (
        field("assignments: [{group: DBX-USERS}]"),
        [("fleet.yaml:7:20: instances[0].assignments[0].group", "'DBX-USERS'", "GUID")],
    ),
    "assignment as a text": (
        field("assignments: [DBX-USERS]"),
        [("fleet.yaml:7:19: instances[0].assignments[0]", "not a map")],
    ),
    "unknown field of an assignment": (
        field("assignments: [{grup: x}]"),
        [("fleet.yaml:7:20: instances[0].assignments[0].grup", "group", "unknown field")],
    ),
    "assignment twice": (
        field(
            "assignments: [{group: 2f0c1f0e-0000-0000-0000-00000000000A}, "
            "{group: 2F0C1F0E-0000-0000-0000-00000000000a}]"
        ),
        [("fleet.yaml:4:5: instances[0]", "twice")],
    ),
}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def load(text):
    Path("fleet.yaml").write_text(text)
    return load_fleet("fleet.yaml")


def error(path="fleet.yaml"):
    with pytest.raises(FleetFileError) as caught:
        load_fleet(path)
    return caught.value


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_where_it_is_wrong(name, tmp_path):
    text, expected = BAD[name]
    (tmp_path / "fleet.yaml").write_text(text, encoding="utf-8")
    shows(error(), *expected)
    assert "hunter2" not in str(error())


def test_no_problem_keeps_the_rejected_value(tmp_path):
    """Neither the error nor what it was made from may carry a secret into a log."""
    (tmp_path / "fleet.yaml").write_text(credential("SecretToken: hunter2"))
    with pytest.raises(FleetFileError) as caught:
        load_fleet("fleet.yaml")
    assert "hunter2" not in repr(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)


def test_a_placeholder_cannot_smuggle_a_literal_into_a_secret(tmp_path):
    text = HEAD + "instances: [{key: hunter2, display_name: A, template: B, credentials: {AppKey: '{key}'}}]\n"
    with pytest.raises(FleetFileError) as refused:
        load(text)
    assert [each.place.path for each in refused.value.problems] == ["instances[0].credentials.AppKey"]


def test_the_credential_keys_are_those_of_graph():
    assert len(CREDENTIAL_KEYS) == len(set(CREDENTIAL_KEYS)) == 45
    assert set(CREDENTIAL_KEYS) > SENSITIVE_KEYS | set(FIELD_OF_KEY)
    for word in ("Password", "SecretToken", "ClientSecret", "AppKey", "ConsumerSecret", "ConnectionString"):
        assert word in SENSITIVE_KEYS


@pytest.mark.parametrize("key", sorted(set(CREDENTIAL_KEYS) - set(FIELD_OF_KEY)))
def test_each_credential_key_takes_a_reference_and_only_some_a_literal(key):
    start = HEAD + "instances: [{key: a, display_name: A, template: B, credentials: {"
    fleet = load(start + f"{key}: '${{env:X}}'}}}}]\n")
    assert fleet.instances[0].credentials == {key: "${env:X}"}
    if key in SENSITIVE_KEYS:
        with pytest.raises(FleetFileError) as refused:
            load(start + f"{key}: x}}}}]\n")
        assert [each.place.path for each in refused.value.problems] == [f"instances[0].credentials.{key}"]
    else:
        assert load(start + f"{key}: x}}}}]\n").instances[0].credentials == {key: "x"}

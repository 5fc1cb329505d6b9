"""The schema for editors agrees with the loader."""

import datetime

import jsonschema
import pytest
from ruamel.yaml import YAML

from flows.documents.nodes import to_plain
from flows.documents.readers import read_yaml
from flows.fleet_file.credential_keys import ALLOWED_KEYS, SENSITIVE_KEYS
from flows.fleet_file.json_schema import fleet_parameter_schema, fleet_schema
from flows.fleet_file.loader import FleetFileError, fleet_from_object
from flows.fleet_file.models import Instance
from flows.fleet_file.starter import starter_text

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
VALID = jsonschema.Draft202012Validator(fleet_schema(), format_checker=jsonschema.FormatChecker())


def as_an_editor_reads_it(text):
    """Editors type unquoted numbers and booleans; dates stay text in YAML 1.2."""

    def jsonable(value):
        if isinstance(value, dict):
            return {name: jsonable(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [jsonable(inner) for inner in value]
        return value.isoformat() if isinstance(value, datetime.date) else value

    return jsonable(YAML(typ="safe", pure=True).load(text))


def fleet(**fields):
    instance = {"key": "a", "display_name": "A", "template": "Box"} | fields
    return {"fleet": "contoso", "tenant_id": TENANT, "instances": [instance]}


def loads(obj):
    try:
        fleet_from_object(obj)
    except FleetFileError:
        return False
    return True


FULL = f"""\
fleet: contoso
tenant_id: {TENANT}
defaults:
  template: 42
  scope: all
  credentials: {{HardDeletesEnabled: true, Domain: contoso}}
instances:
  - key: 123
    renamed_from: old
    display_name: 123
    synchronization_template: scim
    notification_email: idops@contoso.com
    delete_threshold: 50
    skip_out_of_scope_deletions: false
    job: unmanaged
    credentials: {{SecretToken: '${{env:TOKEN_{{key}}}}', BaseAddress: '${{file:/x}}'}}
    credentials_expire: 2027-05-01
    assignments: [{{group: {TENANT}, name: 7, role: User}}, {{user: {TENANT}}}]
    assignments_mode: add
    owners: [{TENANT}]
    notes: 2027
    service_management_reference: 12
  - {{key: b, display_name: B, delete_threshold: '7', skip_out_of_scope_deletions: 'true', owners: []}}
include: [teams/*.yaml]
"""


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(fleet_schema())
    assert fleet_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("text", [FULL, starter_text(), starter_text(TENANT)], ids=["full", "starter", "tenant"])
def test_what_loads_is_valid(text):
    for obj in (as_an_editor_reads_it(text), to_plain(read_yaml(text, "f").node)):
        VALID.validate(obj)
        assert loads({name: value for name, value in obj.items() if name != "include"})


@pytest.mark.parametrize("text", ["defaults:\n", "include:\n"])
def test_a_section_may_be_commented_out(text):
    VALID.validate(as_an_editor_reads_it(text) | fleet())


@pytest.mark.parametrize(
    "fields",
    [
        {"scopee": "all"},
        {"scope": "everyone"},
        {"key": "A B"},
        {"key": None},
        {"display_name": " "},
        {"display_name": "x" * 121},
        {"delete_threshold": 0},
        {"delete_threshold": "many"},
        {"delete_threshold": True},
        {"skip_out_of_scope_deletions": "yes"},
        {"notification_email": "idops"},
        {"credentials_expire": "01.05.2027"},
        {"owners": ["alice"]},
        {"owners": TENANT},
        {"assignments": [{}]},
        {"assignments": [{"group": TENANT, "user": TENANT}]},
        {"assignments": [{"group": TENANT, "rolle": "User"}]},
        {"assignments_mode": "replace"},
        {"job": "stopped"},
        {"mappings": 7},
        {"mappings": {"object_mappings": [{"source": "User"}]}},
        {"credentials": {"SecretToken": "hunter2"}},
        {"credentials": {"Secrettoken": "${env:X}"}},
        {"credentials": {"SyncAll": "true"}},
        {"credentials": ["SecretToken"]},
    ],
    ids=str,
)
def test_what_does_not_load_is_marked(fields):
    assert VALID.is_valid(fleet())
    assert not VALID.is_valid(fleet(**fields))
    assert not loads(fleet(**fields))


@pytest.mark.parametrize("missing", ["fleet", "tenant_id", "instances"])
def test_the_top_needs_its_fields(missing):
    obj = fleet()
    del obj[missing]
    assert not VALID.is_valid(obj)
    assert not VALID.is_valid(fleet() | {"scope": "all"})
    assert not VALID.is_valid(fleet() | {"defaults": {"key": "a"}})


def test_an_editor_offers_every_field_with_its_description():
    instance = fleet_schema()["$defs"]["Instance"]
    assert set(instance["properties"]) == set(Instance.model_fields)
    assert all(field["description"] for field in instance["properties"].values())
    assert set(instance["properties"]["credentials"]["properties"]) == set(ALLOWED_KEYS)
    assert "'title'" not in str(instance)
    assert set(ALLOWED_KEYS) > SENSITIVE_KEYS


PARAMETER = jsonschema.Draft202012Validator(fleet_parameter_schema())


@pytest.mark.parametrize(
    "parameter",
    [
        "fleet.yaml",
        fleet(),
        fleet(notes=None, credentials={"SecretToken": "${env:TOKEN}", "Domain": "contoso"}),
        fleet(assignments=[{"group": TENANT, "user": None}], owners=[TENANT]),
        fleet(mappings="shared") | {"mapping_files": {"shared": {"object_mappings": []}}},
        fleet() | {"defaults": None},
    ],
)
def test_a_parameter_may_be_what_a_run_takes(parameter):
    assert PARAMETER.is_valid(parameter)


@pytest.mark.parametrize(
    "parameter",
    [
        5,
        {},
        fleet(credentials={"SecretToken": "the secret itself"}),
        fleet(credentials={"Password": ""}),
        fleet() | {"defaults": {"credentials": {"Password": "the secret itself"}}},
        fleet(credentials={"Unknown": "x"}),
        fleet(unknown="x"),
        fleet() | {"unknown": "x"},
        fleet() | {"include": ["/etc/shadow"]},
    ],
)
def test_a_parameter_with_a_secret_or_an_unknown_field_is_none(parameter):
    assert not PARAMETER.is_valid(parameter)


def test_the_schema_of_a_parameter_refers_to_nothing():
    assert "$ref" not in str(fleet_parameter_schema())

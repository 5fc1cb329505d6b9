"""A fleet as the parameter of a flow."""

import datetime
import hashlib

import pytest

from flows.fleet_file.loader import FleetFileError, fleet_from_object, load_fleet
from tests.fleet_file.problems import shows

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
FILE = f"""\
fleet: contoso
tenant_id: {TENANT}
defaults: {{template: Box, scope: assigned, credentials: {{UserName: '{{key}}@contoso.com'}}}}
instances:
  - {{key: a, display_name: A, credentials_expire: 2027-05-01, delete_threshold: 7, notes: '{{display_name}}!'}}
  - {{key: b, display_name: B, skip_out_of_scope_deletions: false, assignments: [{{user: {TENANT}}}]}}
"""


def with_instance(**fields):
    instance = {"key": "a", "display_name": "A", "template": "Box"} | fields
    return {"fleet": "contoso", "tenant_id": TENANT, "instances": [instance]}


def refused(obj):
    with pytest.raises(FleetFileError) as caught:
        fleet_from_object(obj)
    return caught.value


def test_an_object_made_of_a_fleet_gives_the_same_fleet(tmp_path):
    (tmp_path / "fleet.yaml").write_text(FILE)
    fleet = load_fleet(tmp_path / "fleet.yaml")
    again = fleet_from_object(fleet.to_object())
    assert again.instances == fleet.instances
    assert (again.fleet, again.tenant_id) == (fleet.fleet, fleet.tenant_id)
    assert fleet.instances[0].credentials == {"UserName": "a@contoso.com"}


def test_python_values_stand_for_what_a_file_would_have():
    fleet = fleet_from_object(
        with_instance(
            delete_threshold=50,
            skip_out_of_scope_deletions=False,
            credentials_expire=datetime.date(2027, 5, 1),
            owners=(TENANT,),
            notes=None,
            credentials={"HardDeletesEnabled": True},
        )
    )
    instance = fleet.instances[0]
    assert instance.delete_threshold == 50
    assert instance.skip_out_of_scope_deletions is False
    assert instance.credentials_expire == datetime.date(2027, 5, 1)
    assert instance.credentials == {"HardDeletesEnabled": "true"}
    assert (instance.owners, instance.notes) == ((TENANT,), None)


def test_the_digest_is_that_of_the_canonical_json():
    canonical = (
        f'{{"fleet":"contoso","instances":[{{"display_name":"A","key":"a","template":"Box"}}],"tenant_id":"{TENANT}"}}'
    )
    obj = with_instance()
    reordered = dict(reversed(obj.items()))
    expected = hashlib.sha256(canonical.encode()).hexdigest()
    assert fleet_from_object(obj).sha256 == fleet_from_object(reordered).sha256 == expected
    assert fleet_from_object(with_instance(scope="all")).sha256 != expected


@pytest.mark.parametrize(
    ("obj", "problems"),
    [
        (with_instance(scopee="all"), [("instances[0].scopee", "scope")]),
        (
            with_instance(credentials={"SecretToken": "hunter2"}),
            [("instances[0].credentials.SecretToken", "reference")],
        ),
        (with_instance(notes=b"x"), [("instances[0].notes", "bytes")]),
        (with_instance(delete_threshold=True), [("instances[0].delete_threshold", "'true'")]),
        ({}, [("fleet", "missing"), ("tenant_id", "missing")]),
        (["contoso"], [("", "a list")]),
        (with_instance() | {"include": ["*.yaml"]}, [("include[0]", "include")]),
        (with_instance() | {"instances": []}, [("", "no instances")]),
        (with_instance(notes="\ud83d"), [("instances[0].notes", "surrogate")]),
    ],
)
def test_errors_name_the_field(obj, problems):
    shows(refused(obj), *problems)


def test_two_instances_of_one_key():
    obj = with_instance()
    obj["instances"].append({"key": "a", "display_name": "B", "template": "Box"})
    shows(refused(obj), ("instances[1].key", "'a'", "instances[0].key"))


def test_an_object_that_contains_itself():
    obj = with_instance()
    obj["defaults"] = obj
    assert "40 levels" in str(refused(obj))

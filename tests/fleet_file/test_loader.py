"""What a good fleet file means."""

import datetime
import hashlib
import time

import pytest
from pydantic import ValidationError

from flows.fleet_file.loader import FleetFileError, fleet_from_object, load_fleet
from flows.fleet_file.models import Assignment, Fleet, Instance

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
GROUP = "2f0c1f0e-0000-4000-8000-00000000000a"
HEAD = f"fleet: contoso-scim\ntenant_id: {TENANT.upper()}\n"
WHOLE = (
    HEAD
    + f"""\
defaults:
  template: Azure Databricks SCIM Provisioning Connector
  synchronization_template: dataBricks
  scope: assigned
  notification_email: idops@contoso.com
  delete_threshold: 50
  skip_out_of_scope_deletions: true
  job: paused
  assignments_mode: add
  credentials:
    BaseAddress: https://{{key}}.example.net/scim
    Domain: shared
  owners: [{GROUP}]
instances:
  - key: prod-eu
    renamed_from: prod
    display_name: Databricks Prod EU
    credentials:
      SecretToken: ${{keyvault:identity-kv/databricks-{{key}}}}
      Domain: own
    credentials_expire: 2027-05-01
    assignments:
      - {{group: {GROUP.upper()}, name: DBX-PROD-USERS, role: User}}
      - {{user: {TENANT}}}
    owners: [{TENANT}]
    notes: '{{display_name}} ({{key}}, {{other}})'
    service_management_reference: CMDB-1
  - key: prod-us
    display_name: Databricks Prod US
    job: running
"""
)


def load(text, tmp_path, name="fleet.yaml"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return load_fleet(tmp_path / name)


def test_every_field_and_its_default(tmp_path):
    fleet = load(WHOLE, tmp_path)
    assert fleet.fleet == "contoso-scim"
    assert fleet.tenant_id == TENANT
    assert fleet.sha256 == hashlib.sha256(WHOLE.encode()).hexdigest()
    assert fleet.instances[0] == Instance(
        key="prod-eu",
        renamed_from="prod",
        display_name="Databricks Prod EU",
        template="Azure Databricks SCIM Provisioning Connector",
        synchronization_template="dataBricks",
        scope="assigned",
        notification_email="idops@contoso.com",
        delete_threshold=50,
        skip_out_of_scope_deletions=True,
        job="paused",
        credentials={
            "BaseAddress": "https://prod-eu.example.net/scim",
            "SecretToken": "${keyvault:identity-kv/databricks-prod-eu}",
            "Domain": "own",
        },
        credentials_expire=datetime.date(2027, 5, 1),
        assignments=(
            Assignment(group=GROUP, name="DBX-PROD-USERS", role="User"),
            Assignment(user=TENANT),
        ),
        assignments_mode="add",
        owners=(TENANT,),
        notes="Databricks Prod EU (prod-eu, {other})",
        service_management_reference="CMDB-1",
    )
    second = fleet.instances[1]
    assert second.credentials == {"BaseAddress": "https://prod-us.example.net/scim", "Domain": "shared"}
    assert (second.job, second.owners, second.assignments) == ("running", (GROUP,), ())


def test_what_a_bare_instance_leaves_open(tmp_path):
    text = HEAD + "instances: [{key: a, display_name: A, template: Box}]\n"
    bare = load(text, tmp_path).instances[0]
    assert bare.model_dump(exclude={"key", "display_name", "template"}) == {
        "renamed_from": None,
        "adopt": None,
        "synchronization_template": None,
        "scope": None,
        "notification_email": None,
        "delete_threshold": None,
        "skip_out_of_scope_deletions": None,
        "job": "running",
        "credentials": {},
        "credentials_expire": None,
        "assignments": (),
        "assignments_mode": "add",
        "owners": (),
        "notes": None,
        "service_management_reference": None,
        "mappings": None,
        "sso": None,
        "cross_tenant": None,
    }


TWISTED = (
    "no",
    "Yes",
    "on",
    "012345670123",
    "0o17",
    "0x1F",
    "1e3",
    "1_000",
    "1.10",
    "-0",
    ".inf",
    "12:30:45",
    "2027-05-01",
    "2001-12-14t21:59:43.10-05:00",
    "null",
    "~",
    "true",
    "False",
    "=",
    "<",
    "NaN",
)


@pytest.mark.parametrize("written", TWISTED)
def test_values_come_through_as_written(written, tmp_path):
    text = f"{HEAD}instances:\n  - key: a\n    display_name: {written}\n    template: {written}\n"
    text += f"    notes: {written}\n    credentials:\n      Domain: {written}\n"
    instance = load(text, tmp_path).instances[0]
    assert [instance.display_name, instance.template, instance.notes, instance.credentials["Domain"]] == [written] * 4


def test_a_key_may_look_like_a_number(tmp_path):
    text = HEAD + "defaults: {template: 0123}\ninstances: [{key: 0123, display_name: 0123}]\n"
    instance = load(text, tmp_path).instances[0]
    assert (instance.key, instance.display_name, instance.template) == ("0123", "0123", "0123")


def test_anchors_and_merge_keys(tmp_path):
    text = (
        HEAD
        + """\
defaults: &base {template: Box, scope: all, notes: &note shared}
instances:
  - &first
    key: a
    display_name: A
    credentials: &login {UserName: me, Domain: x}
  - <<: [{key: b, job: paused}, *base]
    display_name: B
    scope: assigned
    credentials: {<<: *login, Domain: y}
    service_management_reference: *note
"""
    )
    first, second = load(text, tmp_path).instances
    assert second.key == "b"
    assert (second.job, second.scope, second.notes) == ("paused", "assigned", "shared")
    assert second.credentials == {"UserName": "me", "Domain": "y"}
    assert second.service_management_reference == "shared"
    assert first.credentials == {"UserName": "me", "Domain": "x"}


def test_placeholders_in_defaults_are_filled_in_for_each_instance(tmp_path):
    text = HEAD + "defaults: {template: Box, credentials: {SecretToken: '${env:TOKEN_{key}}'}}\n"
    text += "instances: [{key: a, display_name: A}, {key: b, display_name: B}]\n"
    tokens = [instance.credentials["SecretToken"] for instance in load(text, tmp_path).instances]
    assert tokens == ["${env:TOKEN_a}", "${env:TOKEN_b}"]


def test_a_block_text_keeps_its_lines(tmp_path):
    text = HEAD + "instances:\n  - {key: a, display_name: A, template: Box}\n"
    text = text.replace("  - {", "  - notes: |\n      one\n      two # no comment\n    ").replace(", ", "\n    ")
    assert load(text.replace("}", ""), tmp_path).instances[0].notes == "one\ntwo # no comment\n"


def test_byte_order_mark_and_windows_line_breaks(tmp_path):
    (tmp_path / "fleet.yaml").write_bytes(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode())
    assert load_fleet(tmp_path / "fleet.yaml").instances == load(WHOLE, tmp_path, "other.yaml").instances


def test_a_url_may_stand_in_braces(tmp_path):
    """The C parser refuses it, YAML 1.2 allows it."""
    text = HEAD + "instances: [{key: a, display_name: A, template: B, credentials: {Url: https://x.net/y}}]\n"
    assert load(text, tmp_path).instances[0].credentials == {"Url": "https://x.net/y"}


def test_interpolation_happens_once():
    """A name that looks like a placeholder would be filled in again by a shard; so it is refused."""
    with pytest.raises(FleetFileError, match="contains an ownership tag or a placeholder"):
        fleet_from_object(
            {
                "fleet": "a",
                "tenant_id": TENANT,
                "instances": [{"key": "a", "display_name": "A {key}", "template": "Box"}],
            }
        )


def test_the_models_are_frozen_and_their_errors_hide_what_was_given():
    with pytest.raises(ValidationError) as caught:
        Instance(key="a", display_name="A", template="Box", credentials={"Password": "hunter2"})
    assert "hunter2" not in str(caught.value)
    instance = Instance(key="a", display_name="A", template="Box")
    with pytest.raises(ValidationError):
        instance.key = "b"
    assert all(field.description for model in (Fleet, Instance, Assignment) for field in model.model_fields.values())


def test_a_thousand_instances_take_about_a_second(tmp_path):
    rows = "".join(
        f"  - key: k-{n}\n    display_name: App {n}\n    credentials:\n"
        f"      BaseAddress: https://{n}.example.net\n      SecretToken: ${{keyvault:kv/{{key}}}}\n"
        f"    assignments:\n      - {{group: {GROUP}, name: Users, role: User}}\n"
        for n in range(1000)
    )
    text = HEAD + "defaults: {template: Box, scope: all, delete_threshold: 9}\ninstances:\n" + rows
    start = time.process_time()
    assert len(load(text, tmp_path).instances) == 1000
    # Measured 0.15 s; the limit leaves room for slow machines and the parser in Python.
    assert time.process_time() - start < 2

"""The file that `entra-fleet init` writes."""

import datetime
import re

import pytest

from flows.fleet_file.loader import load_fleet
from flows.fleet_file.models import Assignment, Instance
from flows.fleet_file.starter import starter_text

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
FIELDS = {"fleet", "defaults", "instances", "include", *Instance.model_fields} - {"mappings"}


def load(text, tmp_path):
    (tmp_path / "fleet.yaml").write_text(text, encoding="utf-8")
    return load_fleet(tmp_path / "fleet.yaml")


def test_it_loads_as_it_is(tmp_path):
    fleet = load(starter_text(TENANT, fleet="contoso-scim"), tmp_path)
    assert (fleet.fleet, fleet.tenant_id) == ("contoso-scim", TENANT)
    (instance,) = fleet.instances
    assert instance.credentials == {
        "BaseAddress": "https://example-1.example.com/scim",
        "SecretToken": "${env:EXAMPLE_SECRET_TOKEN}",
    }


def test_without_a_tenant_it_loads_too_and_asks_for_one(tmp_path):
    assert load(starter_text(), tmp_path).tenant_id == "00000000-0000-0000-0000-000000000000"
    assert "# Put your tenant's id here.\ntenant_id: 0000" in starter_text()
    assert "Put your tenant's id here" not in starter_text(TENANT)


def test_each_field_is_mentioned_once():
    names = re.findall(r"^ *(?:# )?(?:- )?([a-z_]+):(?: |$)", starter_text(), re.MULTILINE)
    assert sorted(names) == sorted([*FIELDS, "tenant_id"])


def test_what_is_commented_out_loads_when_it_is_taken_in(tmp_path):
    text = re.sub(r"^( *)# ((?:  - |(?!cross_tenant)[a-z_]+:).*)$", r"\1\2", starter_text(TENANT), flags=re.MULTILINE)
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "a.yaml").write_text("instances: [{key: a, display_name: A}]")
    (tmp_path / "fleet.csv").write_text(f"key,display_name,credentials.BaseAddress,owners.0\nb,B,x,{TENANT}\n")
    first, second, third = load(text, tmp_path).instances
    unset = [name for name in Instance.model_fields if getattr(first, name) in (None, (), {})]
    assert unset == ["mappings", "cross_tenant"]
    assert first.credentials_expire == datetime.date(2027, 5, 1)
    assert first.notes == "Example 1, run by the identity team"
    assert first.assignments[0] == Assignment(
        group="11111111-1111-1111-1111-111111111111", name="App users", role="User"
    )
    assert (second.key, third.key, third.owners) == ("a", "b", (TENANT,))


@pytest.mark.parametrize("line", starter_text().splitlines())
def test_no_line_is_too_long_to_read(line):
    assert len(line) <= 110

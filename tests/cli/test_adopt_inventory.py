"""From the inventory to a fleet file: what it shows is adopted, whatever it was made from."""

import json

import pytest
from ruamel.yaml import YAML

from tests.estates import estate


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant", estate=400, cycle_seconds=2400.0) as served:
        yield served


def test_all_that_the_inventory_shows_is_adopted_and_its_plan_has_only_tags_to_write(entra_fleet, tenant, tmp_path):
    shown = json.loads(entra_fleet("inventory", "--output", "json").out)["jobs"]
    ids = sorted({job["service_principal_id"] for job in shown})
    path = tmp_path / "adopted.yaml"
    named = [word for each in ids for word in ("--service-principal", each)]
    result = entra_fleet("adopt", *named, "--fleet", "adopted", "--out", path)
    assert result.code == 0, result.err
    document = YAML(typ="safe").load(path)
    assert len(document["instances"]) == len(ids), path.read_text().partition("# Left out")[2]
    assert len({each["template"] for each in document["instances"]}) > 10
    plan = json.loads(entra_fleet("plan", path, "--output", "json").out)
    assert {each["action"] for each in plan["instances"]} == {"adopt"}
    fields = {change["field"] for each in plan["instances"] for change in each["changes"]}
    assert (fields, plan["writes"]) == ({"mark"}, len(ids))
    assert tenant.requests(writes=True) == []


def test_a_service_principal_that_is_not_there_is_named_before_a_file_is_written(entra_fleet, tenant, tmp_path):
    path = tmp_path / "adopted.yaml"
    known, unknown = next(iter(tenant.jobs())), "00000000-0000-4000-8000-000000000000"
    result = entra_fleet("adopt", "--service-principal", known, "--service-principal", unknown, "--out", path)
    assert (result.code, unknown in result.err, known in result.err, path.exists()) == (1, True, False, False)


@pytest.mark.usefixtures("tenant")
def test_it_goes_with_neither_template_nor_tag(entra_fleet):
    assert entra_fleet("adopt", "--service-principal", "x", "--tag", "team:").code == 2

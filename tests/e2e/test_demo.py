import json

import pytest


@pytest.mark.parametrize(("seed", "profile"), [pytest.param(1, "calm", marks=pytest.mark.proof), (7, "lossy")])
def test_the_demo_reports_what_the_tenant_holds(entra_fleet_process, seed, profile):
    arguments = ("--instances", 5, "--seed", seed, "--profile", profile, "--output", "json")
    result = entra_fleet_process("demo", *arguments, PREFECT_API_URL="")
    assert result.code == 0, result.err
    said = json.loads(result.out)
    assert said["differences"] == []
    assert said["provisioned"]["summary"]["created"] == 5
    assert {job["state"] for job in said["jobs"]} <= {"steady", "degraded"}
    assert said["role_importers"] == ["aws-1", "aws-2"]
    assert set(said["events"]["by_key"]) == {"box-1", "databricks-1", "scim-1"}
    assert sum(said["events"]["total"].values()) == 180
    assert set(said["targets"]) == {"databricks-1", "scim-1"}
    assert all(said["targets"].values())
    assert "Traceback" not in result.err


def test_a_profile_that_does_not_exist(entra_fleet_process):
    result = entra_fleet_process("demo", "--profile", "angry", PREFECT_API_URL="")
    assert result.code == 2
    assert "angry" in result.err
    assert "Traceback" not in result.err

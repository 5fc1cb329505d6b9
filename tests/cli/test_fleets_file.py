"""Several fleets and tenants from one small file."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule
from ruamel.yaml import YAML

from flows.cli.deploy.prefect_yaml import find_packaged_file, prefect_yaml, read_fleets_file
from flows.cli.errors import CommandFailed
from tests.estates import fleet, instance

TWO = """
notify = "slack-webhook/ops"
[schedules]
harvest = 300
[fleets.contoso]
fleet = "contoso.yaml"
reader = "contoso-reader"
writer = "contoso-writer"
tags = ["team-a"]
timezone = "Europe/Berlin"
[fleets.contoso.schedules]
sweep = 120
drift-check = false
on-demand = "0 5 * * 1"
[fleets.fabrikam]
fleet = "/srv/fabrikam.yaml"
reader = "contoso-reader"
writer = "fabrikam"
restart_quarantined = true
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "fleets.toml"
        path.write_text(text)
        return path

    return write


def deployments(path):
    return {each["name"]: each for each in prefect_yaml(read_fleets_file(path))["deployments"]}


def test_without_a_file_everything_is_as_prefect_yaml_says():
    document = YAML(typ="safe").load(find_packaged_file("prefect.yaml"))
    assert prefect_yaml()["deployments"] == document["deployments"]


def test_every_deployment_of_a_fleet_says_whether_it_reads_or_writes():
    for each in prefect_yaml()["deployments"]:
        if "fleet" in each["parameters"]:
            assert len({"reads", "writes"} & set(each["tags"])) == 1, each["name"]


def test_each_fleet_has_its_own_deployments_and_each_reader_one_harvest(written):
    names = deployments(written(TWO)).keys()
    assert {"on-demand-contoso", "on-demand-fabrikam", "sweep-contoso", "react-fabrikam", "connection"} <= names
    assert [name for name in names if name.startswith("harvest")] == ["harvest-contoso-reader"]


def test_what_only_looks_signs_in_as_the_reader_and_what_writes_as_the_writer(written, tmp_path):
    found = deployments(written(TWO))
    tenants = {name: each["parameters"].get("tenant") for name, each in found.items()}
    writing = {"on-demand", "rotate", "jobs", "retire", "react"}
    for name in (*writing, "drift-check", "sweep", "wait-settled"):
        assert tenants[f"{name}-contoso"] == ("contoso-writer" if name in writing else "contoso-reader")
    assert tenants["harvest-contoso-reader"] == "contoso-reader"
    assert found["sweep-contoso"]["parameters"] == {
        "fleet": str(tmp_path / "contoso.yaml"),
        "tenant": "contoso-reader",
        "until": "once",
    }
    assert found["sweep-contoso"]["tags"] == ["entra-fleet", "reads", "team-a"]


def test_schedules_are_changed_switched_off_and_given(written):
    schedules = {name: each.get("schedules") for name, each in deployments(written(TWO)).items()}
    assert schedules["sweep-contoso"] == [{"interval": 120, "slug": "schedule"}]
    assert schedules["sweep-fabrikam"] == [{"interval": 600, "slug": "schedule"}]
    assert schedules["drift-check-contoso"][0]["active"] is False
    assert schedules["on-demand-contoso"] == [{"cron": "0 5 * * 1", "timezone": "Europe/Berlin", "slug": "schedule"}]
    assert schedules["harvest-contoso-reader"] == [{"interval": 300, "slug": "schedule"}]
    assert "active" not in schedules["drift-check-fabrikam"][0]


def test_a_reaction_is_to_the_events_of_its_fleet_only(written):
    found = deployments(written(TWO))
    for name, restart in (("contoso", False), ("fabrikam", True)):
        (trigger,) = found[f"react-{name}"]["triggers"]
        assert trigger["match"]["entra-fleet.fleet"] == name
        assert found[f"react-{name}"]["parameters"]["restart"] is restart
        assert found[f"react-{name}"]["parameters"]["notify"] == "slack-webhook/ops"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[fleets", "is not valid TOML"),
        ("", "fleets: Field required"),
        ("[fleets.a]\n", "fleets.a.fleet: Field required"),
        ("[fleets.a]\nfleet = 'a.yaml'\nwritter = 'x'\n", "fleets.a.writter: Extra inputs are not permitted"),
        ("[fleets.a]\nfleet = 'a.yaml'\n[fleets.a.schedules]\nsweeps = 60\n", "there is no deployment 'sweeps'"),
        ("[fleets.a]\nfleet = 'a.yaml'\n[fleets.a.schedules]\nharvest = 60\n", "harvest reads the whole tenant"),
        ("[fleets.a]\nfleet = 'a.yaml'\n[fleets.a.schedules]\nsweep = 'hourly'\n", "'hourly' is not a schedule"),
        ("[fleets.a]\nfleet = 'a.yaml'\n[fleets.a.schedules]\nsweep = 0\n", "0 is not a schedule"),
        (
            "[fleets.a]\nfleet = 'a.yaml'\ntimezone = 'Mars'\n[fleets.a.schedules]\nsweep = '0 * * * *'\n",
            "not a schedule",
        ),
        ("[fleets.'A B']\nfleet = 'a.yaml'\n", "String should match pattern"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_to_do(written, text, said):
    with pytest.raises(CommandFailed) as error:
        deployments(written(text))
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 2


def test_a_table_that_is_not_named_as_its_fleet_is_refused(written, write_fleet):
    write_fleet(fleet(instance("one")), "a.yaml")
    with pytest.raises(CommandFailed, match=r"fleets\.a: .*a\.yaml defines the fleet contoso"):
        read_fleets_file(written("[fleets.a]\nfleet = 'a.yaml'\n"))


def test_the_example_that_comes_along_is_in_order():
    assert set(read_fleets_file(find_packaged_file("deployments/fleets.toml")).fleets) == {
        "contoso-scim",
        "fabrikam-aws",
    }
    assert (
        deployments(find_packaged_file("deployments/fleets.toml"))["drift-check-fabrikam-aws"]["schedules"][0]["active"]
        is False
    )


def test_what_prefect_is_given_can_be_written_to_a_file(entra_fleet, written, tmp_path):
    out = tmp_path / "prefect.generated.yaml"
    result = entra_fleet("deploy", "--fleets", written(TWO), "--out", out)
    assert (result.code, result.err) == (0, "")
    assert YAML(typ="safe").load(out) == json.loads(json.dumps(prefect_yaml(read_fleets_file(written(TWO)))))


def test_deploying_without_a_server_says_how_to_have_one(entra_fleet):
    result = entra_fleet("deploy", PREFECT_API_URL="", PREFECT_HOME="/nonexistent")
    assert result.code == 2
    remedy = result.err.splitlines()[-1]
    assert ("PREFECT_API_URL" in remedy, "entra-fleet up" in remedy) == (True, True)


def test_up_without_a_fleet_says_what_to_do(entra_fleet, tmp_path):
    assert not Path("fleet.yaml").exists()
    result = entra_fleet("up", "--dir", tmp_path / "home")
    assert result.code == 2
    assert "entra-fleet init" in result.err
    assert not (tmp_path / "home").exists()


async def test_prefect_finds_the_next_moments_of_every_schedule_that_we_ship():
    documents = YAML(typ="safe").load(find_packaged_file("prefect.yaml"))["deployments"]
    schedules = [each for deployment in documents for each in deployment.get("schedules", ())]
    made = [
        CronSchedule(cron=each["cron"], timezone=each["timezone"])
        if "cron" in each
        else IntervalSchedule(interval=timedelta(seconds=each["interval"]))
        for each in schedules
    ]
    assert {type(each) for each in made} == {CronSchedule, IntervalSchedule}
    for each in made:
        first, second = await each.get_dates(2)
        assert first < second

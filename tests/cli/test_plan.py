"""What a person and a script see of a plan."""

import json

import pytest

from tests.estates import AWS, fleet, instance


@pytest.fixture
def run(entra_fleet, tenant):
    def run(*arguments):
        return entra_fleet(*arguments, TOKEN="good", COLUMNS="200", PREFECT_API_URL="")

    return run


def lines_of(result):
    assert result.err == ""
    return [line.rstrip() for line in result.out.splitlines()]


def test_health_is_said_beside_drift_also_where_nothing_is_to_change(run, write_fleet, tenant):
    path = write_fleet(fleet(*(instance(key) for key in ("held", "paused", "well"))))
    applied = json.loads(run("apply", path, "--yes", "--output", "json").out)
    held, paused, _ = applied["instances"]
    tenant.emulator.controls.quarantine(held["job_id"], "EncounteredQuarantineException")
    tenant.emulator.controls.act_on_job(paused["job_id"], "pause")
    shown = "\n".join(lines_of(run("plan", path)))
    assert "quarantined: EncounteredQuarantineException since 20" in shown
    assert "paused by someone; resume with --force" in shown
    assert "1 paused, 1 quarantined" in shown
    document = json.loads(run("plan", path, "--output", "json").out)
    assert {each["action"] for each in document["instances"]} == {"none"}
    health = {each["key"]: each["health"] for each in document["instances"]}
    assert health["held"]["quarantine"]["reason"] == "EncounteredQuarantineException"
    assert (health["paused"]["state"], health["paused"]["paused_by"]) == ("paused", "someone")
    assert {"escrows", "never_ran", "stale", "last_success", "last_execution", "counts"} <= health["well"].keys()
    assert [each["credentials"] for each in document["instances"]] == [{"SecretToken": "known"}] * 3
    run("plan", path, "--store", f"sqlite:///{path.parent / 'none.db'}")
    assert not (path.parent / "none.db").exists()
    strange = run("plan", path, "--store", f"sqlite:///{path.parent / 'none.db'}", "--output", "json")
    assert [each["credentials"] for each in json.loads(strange.out)["instances"]] == [{"SecretToken": "unknown"}] * 3
    assert "--save-credentials" in lines_of(run("plan", path, "--store", f"sqlite:///{path.parent / 'none.db'}"))[-1]


def test_what_is_dangerous_pending_misnamed_or_lies_about_is_said(run, write_fleet, tenant):
    users = tenant.emulator.controls.state()["users"]
    both = [{"user": user["id"]} for user in users[:2]]
    path = write_fleet(fleet(instance("one", assignments=both), instance("orphan"), instance("gone")))
    applied = json.loads(run("apply", path, "--yes", "--output", "json").out)
    gone = applied["instances"][2]["application_id"]
    tenant.emulator.controls.delete(gone)
    tenant.forget()
    waiting = [{**both[0], "role": "Admin,Idp", "name": "Ann"}]
    changed = fleet(
        instance("one", assignments=[{**both[0], "name": "Wrong"}], assignments_mode="exact", scope="assigned"),
        instance("gone"),
        instance("aws", AWS, assignments=waiting),
    )
    shown = "\n".join(" ".join(line.split()) for line in lines_of(run("plan", write_fleet(changed))))
    assert "credentials.SyncAll: true → false (dangerous)" in shown
    assert f"assignments.{both[1]['user']}: {users[1]['displayName']} as User → removed (dangerous)" in shown
    name = users[0]["displayName"]
    assert (
        f"assignments.{both[0]['user']}: named 'Wrong' in the file but '{name}' in the tenant; the id decides" in shown
    )
    assert "pending: Ann as Admin,Idp" in shown
    assert f"deleted: App gone ({gone})" in shown
    orphan = applied["instances"][1]["application_id"]
    assert f"orphan: App orphan ({orphan})" in shown
    assert f"entra-fleet retire {path} --only orphan" in shown
    assert tenant.requests(writes=True) == []
    result = run("apply", path, "--yes", "--only", "aws")
    assert "aws: pending until a later apply: Ann as Admin,Idp" in result.out
    assert result.code == 0


def test_a_plan_that_an_apply_would_refuse_says_so(run, write_fleet):
    path = write_fleet(fleet(*(instance(f"k{n}") for n in range(5))))
    run("apply", path, "--yes")
    write_fleet(fleet(*(instance(f"k{n}", notes="new") for n in range(5))))
    refused = "\n".join(lines_of(run("plan", path))[-2:])
    result = run("apply", path, "--yes")
    assert (result.code, result.out) == (1, "")
    for text in (refused, result.err):
        assert "5 of 5 instances (100 %); the limit is 30 %" in text
        assert "--force" in text
    assert run("plan", path, "--detailed-exitcode").code == 1
    assert run("plan", path, "--force", "--detailed-exitcode").code == 2
    assert run("apply", path, "--yes", "--force").code == 0


def test_a_namesake_of_nobody_names_the_command_that_takes_it_in(run, write_fleet, tenant):
    path = write_fleet(fleet(instance("one")))
    applied = json.loads(run("apply", path, "--yes", "--output", "json").out)
    tenant.emulator.controls.edit(applied["instances"][0]["application_id"], {"tags": []})
    shown = " ".join(" ".join(lines_of(run("plan", path))).split())
    assert "exists outside this fleet" in shown
    assert "entra-fleet adopt --template Box." in shown


def test_the_exit_code_says_whether_an_apply_would_start_and_succeed(run, write_fleet):
    path = write_fleet(fleet(instance("one")))
    assert run("plan", path).code == 0
    assert run("plan", path, "--detailed-exitcode").code == 2
    run("apply", path, "--yes")
    assert run("plan", path, "--detailed-exitcode").code == 0
    stuck = [{"group": "11111111-1111-1111-1111-111111111111"}]
    path = write_fleet(fleet(instance("one", notes="new"), instance("two", assignments=stuck)))
    assert run("plan", path).code == 1
    assert run("plan", path, "--detailed-exitcode").code == 1
    assert run("plan", path, "--output", "json").code == 1


def test_many_equal_changes_are_one_block_until_unfolded(run, write_fleet):
    path = write_fleet(fleet(*(instance(f"k{n}") for n in range(4))))
    folded = lines_of(run("plan", path))
    assert folded[2:5] == ["+ create 4 instances", "    k0, k1, k2, k3", "    from Box, job running"]
    unfolded = lines_of(run("plan", path, "--verbose"))
    assert [line for line in unfolded if line.startswith("+")] == [f"+ create k{n}" for n in range(4)]


def test_an_application_to_be_created_is_not_missing(run, write_fleet):
    assert "missing" not in run("plan", write_fleet(fleet(instance("one")))).out

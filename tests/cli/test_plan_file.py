"""An apply that is bound to what somebody looked at."""

import hashlib
import json
import os
import pty
import subprocess
import sys

import pytest

from flows.configuration.environment import environment
from flows.store import open_store
from tests.cli.conftest import ROOT
from tests.estates import fleet, instance


@pytest.fixture
def run(entra_fleet, tenant):
    def run(*arguments):
        return entra_fleet(*arguments, TOKEN="good", PREFECT_API_URL="")

    return run


def test_a_reviewed_plan_is_applied_once_and_journaled(run, write_fleet, tmp_path):
    path, plan = write_fleet(fleet(instance("one"), instance("two"))), tmp_path / "plan.json"
    plan.write_text("")
    plan.chmod(0o644)
    assert run("plan", path, "--only", "one", "--out", plan).code == 0
    assert plan.stat().st_mode & 0o777 == 0o600
    document = json.loads(plan.read_text())
    assert document["options"] == {"only": ["one"], "save_credentials": False, "force": False}
    assert document["plan"]["digest"] == document["digest"]
    result = run("apply", path, "--plan-file", plan)
    assert (result.code, result.err) == (0, "")
    with open_store(environment().store_url) as store:
        (journaled,) = store.journal.runs()
    assert journaled.plan_digest == document["digest"]
    assert journaled.file_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_plan_that_no_longer_fits_is_refused_with_zero_writes(run, write_fleet, tmp_path, tenant):
    path, plan = write_fleet(fleet(instance("one"), instance("two"))), tmp_path / "plan.json"
    run("plan", path, "--out", plan)
    user = tenant.emulator.controls.state()["users"][0]["id"]
    write_fleet(fleet(instance("one", assignments=[{"user": user}]), instance("two")))
    result = run("apply", path, "--plan-file", plan)
    assert (result.code, result.out, tenant.requests(writes=True)) == (1, "", [])
    assert str(plan) in result.err
    assert f"one: assignments.{user}." in result.err


def test_a_plan_file_is_asked_for_alone_and_has_to_be_one(run, write_fleet, tmp_path):
    path, other = write_fleet(fleet(instance("one"))), tmp_path / "other.json"
    result = run("apply", path, "--plan-file", other, "--force")
    assert (result.code, "--force" in result.err) == (2, True)
    result = run("apply", path, "--plan-file", other)
    assert (result.code, str(other) in result.err, "plan --out" in result.err) == (1, True, True)
    other.write_text("[]")
    result = run("apply", path, "--plan-file", other)
    assert (result.code, str(other) in result.err, "plan --out" in result.err) == (1, True, True)
    result = run("plan", path, "--out", tmp_path / "nowhere" / "plan.json")
    assert (result.code, str(tmp_path / "nowhere" / "plan.json") in result.err) == (1, True)


def test_a_person_says_yes_to_what_was_shown_whatever_becomes_of_the_file(write_fleet, tenant):
    path = write_fleet(fleet(instance("one")))
    keyboard, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "apply", path],
        cwd=ROOT,
        env={**os.environ, "TOKEN": "good", "PREFECT_API_URL": ""},
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    shown = b"".join(process.stdout.readline() for _ in range(4))
    assert b"App one from Box, job running" in shown
    write_fleet(fleet(instance("one", notes="slipped in")))
    os.write(keyboard, b"y\n")
    _, error = process.communicate(timeout=280)
    assert process.returncode == 0, error
    (application,) = tenant.applications()["entra-fleet:contoso:one"]
    assert application["notes"] is None
    os.close(keyboard)
    os.close(terminal)


def test_changed_credentials_are_found_also_where_a_person_confirms(
    run, at_a_terminal, write_fleet, tenant, prefect_server
):
    path = write_fleet(fleet(instance("one")))
    assert run("apply", path, "--yes").code == 0
    tenant.forget()
    variables = {"TOKEN": "another good one", "PREFECT_API_URL": prefect_server.api_url}
    result = at_a_terminal("apply", path, answers=["y"], **variables)
    assert "credentials.SecretToken: saved → changed" in result.out
    assert (result.code, len(tenant.requests("put_secrets"))) == (0, 1)
    tenant.forget()
    same = at_a_terminal("apply", path, answers=[], **variables)
    assert (same.code, tenant.requests(writes=True)) == (0, [])
    reviewed = path.with_name("plan.json")
    run("plan", path, "--out", reviewed)
    assert run("apply", path, "--plan-file", reviewed).code == 0
    assert tenant.requests(writes=True) == []


def test_conflicts_alone_are_not_asked_about(at_a_terminal, write_fleet, tenant):
    stuck = [{"group": "11111111-1111-1111-1111-111111111111"}]
    result = at_a_terminal("apply", write_fleet(fleet(instance("two", assignments=stuck))), answers=[], TOKEN="good")
    assert (result.code, result.err) == (1, "")
    assert tenant.requests(writes=True) == []

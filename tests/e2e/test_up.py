"""`entra-fleet up` on a machine of its own: a first start, what a person does then, Ctrl-C, and a second start.

In the second one docs/prefect.md is followed.
"""

import base64
import os
import signal
import socket
import ssl
import stat
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from flows.cli.deploy.deploy import POOL
from flows.cli.deploy.prefect_yaml import prefect_yaml, read_fleets_file
from flows.cli.processes.process_tree import is_running
from flows.cli.up.home import Home
from tests.e2e import prefect_page
from tests.e2e.machine import Machine, Webhook, until

AUTOMATION = "entra-fleet · a run failed"
# What takes a second start. Of the same kind are tests/e2e/test_deployments.py, which deploys again, the killed runs of
# tests/cli/test_dead_runs.py, and quarantines on a real server in tests/run/test_job_events.py and in
# tests/flows/test_react.py.
second_start = pytest.mark.long


def own(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(scope="module")
def webhook():
    receiver = Webhook()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """The home of a person who has set nothing up."""
    return tmp_path_factory.mktemp("person")


@pytest.fixture(scope="module")
def home(person):
    """The folder that docs/prefect.md names."""
    return person / ".local/share/entra-fleet/embedded"


@pytest.fixture(scope="module")
def first(home, webhook):
    """A first start: what was seen of it, what a person changed, and how it ended while a flow was running."""
    machine = Machine(home, "--embedded", "--port", "0")
    try:
        machine.wait_until_up()
        seen = SimpleNamespace(text=machine.text, url=machine.url)
        seen.writes = forty_writes(machine)
        seen.stranger = httpx.get(f"{machine.url}/api/version", trust_env=False)
        seen.forged = httpx.post(
            f"{machine.url}/api/flows/", json={"name": "x"}, auth=machine.api.auth, trust_env=False
        )
        seen.block_types = {each["slug"]: each for each in machine.find("block_types")}
        seen.deployments = {each["name"]: each for each in machine.find("deployments")}
        seen.automations = machine.automations()
        seen.pool = machine.ask("GET", f"/work_pools/{POOL}").json()
        drift = seen.deployments["drift-check-demo"]
        machine.change(f"/deployments/{drift['id']}/schedules/{drift['schedules'][0]['id']}", active=False)
        for name in (AUTOMATION, "react-demo__automation_1"):
            machine.change(f"/automations/{seen.automations[name]['id']}", enabled=False)
        make_webhook_block(machine, webhook.url)
        with embedded(home) as tenant:
            tenant.post("/_emulator/faults", json={"rules": ["GET: 503 retry after 60"]}).raise_for_status()
        # The example's own, which `up` has begun.
        (run,) = machine.runs("on-demand-demo")
        seen.interrupted = run["id"]
        until(lambda: state_of(machine, seen.interrupted) == "RUNNING", what="a run that waits")
        seen.modes = {path.name: own(path) for path in (home, *home.iterdir())}
        seen.left, seen.code = machine.stop()
        seen.complaint = machine.complaint
        yield seen
    finally:
        machine.close()


@pytest.fixture(scope="module")
def second(first, home):
    """The same home again, with somebody to tell: the `up` of docs/prefect.md, on a port that no other test has."""
    program, command, *options = prefect_page.UP.split()
    assert (program, command, options) == ("entra-fleet", "up", ["--embedded"])
    machine = Machine(home, *options, "--port", "0", "--notify", "custom-webhook/hook")
    try:
        yield machine.wait_until_up()
    finally:
        if machine.process.poll() is None:
            machine.stop()
        machine.close()


def forty_writes(machine):
    """The codes of writes one after the other, while the example is being provisioned."""
    later = {"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": "2100-01-01T00:00:00Z"}}}
    path = f"/deployments/{machine.deployment('drift-check-demo')['id']}/create_flow_run"
    pairs = ((("/variables/", {"name": f"v{n}", "value": n}), (path, later)) for n in range(20))
    return [machine.api.post(*where, json=body).status_code for pair in pairs for *where, body in pair]


def state_of(machine, run_id):
    return machine.ask("GET", f"/flow_runs/{run_id}").json()["state"]["type"]


def make_webhook_block(machine, url):
    kind = machine.ask("GET", "/block_types/slug/custom-webhook").json()
    (schema, *_) = machine.find("block_schemas", block_schemas={"block_type_id": {"any_": [kind["id"]]}})
    data = {"name": "hook", "method": "POST", "url": url, "json_data": {"subject": "{{subject}}", "body": "{{body}}"}}
    body = {"name": "hook", "block_type_id": kind["id"], "block_schema_id": schema["id"], "data": data}
    machine.ask("POST", "/block_documents/", body).raise_for_status()


def test_it_says_where_the_ui_is_how_to_sign_in_and_what_to_do_first(first, home):
    assert first.text.startswith("entra-fleet is up. Ctrl-C stops it.")
    assert str(home / "auth-string") in first.text
    assert (home / "auth-string").read_text().strip() not in first.text
    assert "on-demand-demo → Run → Quick run" in first.text


def test_forty_writes_succeed_as_soon_as_it_is_up(first):
    assert set(first.writes) <= {200, 201}


def test_a_stranger_is_refused(first):
    assert first.stranger.status_code == 401
    assert first.forged.status_code == 403


def test_what_it_keeps_is_its_owners_alone(first, home):
    # On a busy machine Prefect has a folder of messages that it could not take in.
    folders = {home.name, "tenant", "storage", "dlq"}
    assert {name: mode for name, mode in first.modes.items() if mode != (0o700 if name in folders else 0o600)} == {}
    assert {"prefect.db", "encryption-key", "auth-string", "server.log", "worker.log", "env.sh"} <= set(first.modes)


def test_the_secrets_of_blocks_are_encrypted_with_the_key_of_the_home(first, home):
    database = b"".join(path.read_bytes() for path in home.glob("prefect.db*"))
    secret = b"emulator~client.secret"
    assert secret not in database
    assert base64.b64encode(secret) not in database


def test_the_blocks_can_be_chosen_without_any_command(first):
    assert {"entra-tenant", "app-credentials"} <= set(first.block_types)


def test_every_deployment_is_made_for_the_example_fleet(first):
    assert {"on-demand-demo", "sweep-demo", "react-demo", "harvest-embedded", "connection"} <= set(first.deployments)
    made = {name.removesuffix("-demo").removesuffix("-embedded"): each for name, each in first.deployments.items()}
    assert set(made) == {each["name"] for each in prefect_yaml()["deployments"]}
    scheduled = {"drift-check", "sweep", "harvest", "late-arrivals", "audits", "watch-tenant", "certificates"}
    assert {name: len(each["schedules"]) for name, each in made.items() if each["schedules"]} == dict.fromkeys(
        scheduled, 1
    )
    assert first.deployments["sweep-demo"]["parameters"]["tenant"] == "embedded"
    assert first.deployments["sweep-demo"]["schedules"][0]["schedule"]["interval"] == 60


def test_a_run_is_one_process_of_this_python(first):
    command = first.pool["base_job_template"]["variables"]["properties"]["command"]
    assert command["default"] == f"{sys.executable} -m prefect.engine"


def test_automations_notice_what_no_flow_can(first):
    assert len([name for name in first.automations if name.startswith("entra-fleet")]) == 3
    assert first.automations[AUTOMATION]["actions"] == [{"type": "do-nothing"}]


def test_a_second_one_says_in_a_line_that_the_port_is_in_use(entra_fleet, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        again = entra_fleet("up", "--embedded", "--dir", tmp_path / "home", "--port", port, PREFECT_API_URL="")
    assert (again.code, len(again.err.splitlines())) == (1, 2)
    assert "is in use" in again.err


def test_a_second_one_on_another_port_does_not_touch_the_same_files(entra_fleet, tmp_path):
    home = Home(tmp_path / "home")
    with home.held():
        beside = entra_fleet("up", "--embedded", "--dir", home.directory, "--port", "0", PREFECT_API_URL="")
    assert beside.code == 1
    assert beside.err.splitlines()[0] == f"Another entra-fleet up is using {home.directory}."
    assert {path.name for path in home.directory.iterdir()} == {"lock"}


def test_ctrl_c_ends_everything_and_leaves_no_process(first):
    assert (first.left, first.code) == ([], 0)
    assert first.complaint.splitlines()[-1] == "Stopped."
    assert "Traceback" not in first.complaint


@second_start
def test_a_run_that_ctrl_c_interrupted_is_known_to_have_crashed(first, second):
    assert state_of(second, first.interrupted) == "CRASHED"


@second_start
def test_a_second_start_keeps_what_a_person_switched_off(first, second):
    drift, before = second.deployment("drift-check-demo"), first.deployments["drift-check-demo"]
    assert [each["active"] for each in drift["schedules"]] == [False]
    assert drift["id"] == before["id"]
    found = second.automations()
    assert set(found) == set(first.automations)
    assert {name for name, each in found.items() if not each["enabled"]} == {AUTOMATION, "react-demo__automation_1"}
    untouched = "entra-fleet · crash runs that show no sign of life"
    assert found[untouched]["updated"] == first.automations[untouched]["updated"]
    assert found[AUTOMATION]["actions"][0]["type"] == "send-notification"


@second_start
@pytest.mark.parametrize(
    ("name", "parameters", "why"),
    [
        ("on-demand-demo", {"concurrency": 999}, "999 is greater than the maximum of 64"),
        ("jobs-demo", {"action": "stop"}, "'stop' is not one of ['start', 'pause', 'restart']"),
        ("retire-demo", {"only": []}, "[] should be non-empty"),
        ("react-demo", {"event": "a text"}, "'a text' is not of type 'object'"),
        ("react-demo", {"event": {"fleet": "demo"}}, "'key' is a required property"),
        ("connection", {"tenant": 5}, "5 is not of type 'string'"),
        ("sweep-demo", {"until": "never"}, "'never' is not one of ['once', 'settled']"),
        ("harvest-embedded", {"overlap_minutes": -1}, "-1 is less than the minimum of 0"),
    ],
)
def test_wrong_parameters_are_refused_by_the_server(second, name, parameters, why):
    answer = second.run(name, **parameters)
    assert answer.status_code == 409
    assert why in answer.text


@pytest.mark.proof  # tests/flows/test_probe.py has the flow, and two others go through this worker
def test_a_connection_is_tested_from_the_ui(second):
    run = second.ended(second.run("connection", tenant="embedded").json()["id"])
    assert run["state"]["name"] == "Completed", run["state"]
    shown = second.artifact("connection-embedded")
    assert "7928d5b5-7442-4a97-a02d-66f9a9972ec0" in shown
    assert "Synchronization.ReadWrite.All" in shown


@second_start
def test_a_quarantine_leads_to_a_note_and_a_message_without_anybody_asking(second, home, person, webhook):
    for name in (AUTOMATION, "react-demo__automation_1"):
        second.change(f"/automations/{second.automations()[name]['id']}", enabled=True)
    newest = max(second.runs("on-demand-demo"), key=lambda run: run["created"])
    assert second.ended(newest["id"])["state"]["name"] == "Completed"
    prefect_page.follow(prefect_page.QUARANTINE, person)
    with embedded(home) as tenant:
        assert "EncounteredQuarantineException" in tenant.get("/_emulator/state").text
    sweep = second.deployment("sweep-demo")
    # Nobody starts the sweep: its schedule does, only sooner than every minute. A run takes six seconds of work.
    path = f"/deployments/{sweep['id']}/schedules/{sweep['schedules'][0]['id']}"
    soon = datetime.now(UTC) + timedelta(seconds=7)
    second.change(path, schedule={"interval": 15.0, "anchor_date": soon.isoformat()}, active=True)
    # As the server does by itself within a minute.
    second.ask("POST", f"/deployments/{sweep['id']}/schedule", {}).raise_for_status()
    (reaction, *_) = until(lambda: second.runs("react-demo"), what="a reaction")
    second.change(path, active=False)
    assert second.ended(reaction["id"])["state"]["name"] == "Completed"
    swept = [run for run in second.runs("sweep-demo") if run["state"]["type"] == "COMPLETED"]
    assert swept
    assert all(run["auto_scheduled"] for run in swept)
    key = reaction["parameters"]["event"]["key"]
    note = second.artifact(f"quarantine-demo-{key}")
    assert f"{key} is in quarantine" in note
    assert "## What to do" in note
    (message,) = until(lambda: webhook.taken, what="a message")
    assert message["subject"] == f"demo: {key} is in quarantine"


@second_start
@pytest.mark.parametrize(
    "lines", [prefect_page.RUN, prefect_page.OVER_HTTP], ids=["with Prefect's command", "over HTTP"]
)
def test_a_run_is_started_as_the_page_says(second, person, lines):
    # No worker need take it.
    second.change(f"/work_pools/{POOL}", is_paused=True)
    before = {run["id"] for run in second.runs("on-demand-demo")}
    prefect_page.follow(prefect_page.of_the_example(lines), person)
    (run,) = [run for run in second.runs("on-demand-demo") if run["id"] not in before]
    assert run["parameters"]["only"] == ["aws-1"]


def test_the_fleets_file_of_the_page_makes_the_deployments_that_it_names(tmp_path):
    (tmp_path / "fleets.toml").write_text(prefect_page.FLEETS)
    document = prefect_yaml(read_fleets_file(tmp_path / "fleets.toml"), None)
    named = {"on-demand-contoso-scim", "sweep-contoso-scim", "harvest-contoso-reader"}
    assert named <= {each["name"] for each in document["deployments"]}
    assert all(f"`{name}`" in prefect_page.PAGE for name in named)


@second_start
def test_when_the_worker_dies_up_says_so_and_ends_with_all_the_rest(second):
    family = second.processes()
    (worker,) = [each for each in family if "worker" in (Path("/proc") / str(each.pid) / "cmdline").read_text()]
    os.kill(worker.pid, signal.SIGKILL)
    assert second.process.wait(60) == 1
    until(lambda: not any(map(is_running, family)), what="the end of all the rest")
    second.close()
    assert "prefect ended unexpectedly: " in second.complaint
    assert "Traceback" not in second.complaint


def test_a_service_that_is_stopped_while_it_starts_leaves_no_process(tmp_path):
    machine = Machine(tmp_path / "home", "--embedded", "--port", "0")
    until(lambda: (tmp_path / "home" / "server.log").exists() and machine.processes(), what="a server that starts")
    left, code = machine.stop(signal.SIGTERM)
    assert (left, code) == ([], 130)
    assert "Traceback" not in machine.complaint


@contextmanager
def embedded(home):
    url = next(
        line.partition("=")[2].strip("'\"")
        for line in (home / "tenant" / "env.sh").read_text().splitlines()
        if "ENTRA_FLEET_GRAPH_URL" in line
    )
    context = ssl.create_default_context(cafile=home / "tenant" / "ca.pem")
    with httpx.Client(base_url=url, verify=context, trust_env=False, timeout=60) as tenant:
        yield tenant

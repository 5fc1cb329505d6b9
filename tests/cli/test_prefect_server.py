"""The Prefect server of a command, and what is said of one that cannot be used."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.cli.errors import CommandFailed
from flows.cli.processes.child import Child
from flows.cli.processes.local_api import serve_local_api
from flows.cli.processes.prefect_server import PrefectServer, new_auth_string
from tests.cli.conftest import finished, started
from tests.e2e.machine import until
from tests.estates import estate, fleet, instance

DEAD = "http://me:pa55word@127.0.0.1:9/api"
WRITES = 80


@pytest.fixture
def guarded(tmp_path_factory):
    """A server as the demo starts it for itself."""
    server = PrefectServer(tmp_path_factory.mktemp("guarded"), auth_string=new_auth_string(), keeps_log=False)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture
def server(request):
    """The API of a server that cannot be used: none is there, or one that wants a password."""
    if request.param == "dead":
        yield DEAD
        return
    with serve_local_api("somebody:else") as url:
        yield url


@pytest.fixture(scope="module")
def tenant(tmp_path_factory):
    with estate(tmp_path_factory.mktemp("tenant")) as tenant:
        yield tenant


@pytest.mark.proof
def test_another_process_of_this_machine_is_refused(guarded):
    """Its sister in test_local_api is of the server that all other commands start."""
    with httpx.Client(base_url=guarded.api.url, trust_env=False) as stranger:
        assert stranger.get("/version").status_code == stranger.get("/admin/settings").status_code == 401
        known = tuple(guarded.api.auth_string.split(":"))
        assert stranger.get("/admin/settings", auth=known).status_code == 200
        assert stranger.post("/flows/", json={"name": "forged"}, auth=known).status_code == 403
        elsewhere = stranger.get("/health", headers={"Origin": "https://elsewhere.example"})
        assert "access-control-allow-origin" not in elsewhere.headers


def test_writes_that_meet_wait_for_each_other(prefect_server):
    with httpx.Client(base_url=prefect_server.api.url, trust_env=False, timeout=70) as api:
        flow = api.post("/flows/", json={"name": "many writers"}).json()["id"]
        made = [api.post("/deployments/", json={"name": f"d{n}", "flow_id": flow}).json()["id"] for n in range(4)]

        def write(number):
            if number % 2:
                return api.post(f"/deployments/{made[number % 4]}/create_flow_run", json={}).status_code
            again = {"name": f"d{number % 8}", "flow_id": flow, "tags": [str(number)]}
            return api.post("/deployments/", json=again).status_code

        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(write, range(WRITES)))
    assert set(codes) <= {200, 201}


def test_parameters_and_schemas_that_are_wrong_are_refused_each_time(prefect_server):
    number, strange = ({"properties": {"n": {"type": kind}}} for kind in ("number", "strange"))
    with httpx.Client(base_url=prefect_server.api.url, trust_env=False) as api:
        flow = api.post("/flows/", json={"name": "strict"}).json()["id"]

        def create(schema, n):
            document = {"name": "strict", "flow_id": flow, "parameter_openapi_schema": schema, "parameters": {"n": n}}
            return api.post("/deployments/", json=document | {"enforce_parameter_schema": True})

        assert [create(strange, 1).status_code for _ in range(2)] == [422, 422]
        assert [create(number, n).status_code for n in (1, 2, "x")] == [201, 200, 422]
        path = f"/deployments/{create(number, 1).json()['id']}/create_flow_run"
        assert [api.post(path, json={"parameters": {"n": n}}).status_code for n in (1, "x", "y")] == [201, 409, 409]


def test_a_schema_is_checked_once_while_it_stays_the_same():
    checked = []

    class Validator:
        FORMAT_CHECKER = None

        @classmethod
        def check_schema(cls, schema, format_checker):
            checked.append((schema, format_checker))

    # Imports all of Prefect's server, which no other test takes into this process.
    from flows.cli.processes.server_process import check_schemas_once

    check_schemas_once(Validator)
    schema = {"type": "object"}
    for kind in ("object", "object", "array"):
        schema["type"] = kind
        Validator.check_schema(schema)
    assert checked == [({"type": "object"}, None), ({"type": "array"}, None)]


def test_nothing_is_looked_for_outside(prefect_server):
    with httpx.Client(base_url=prefect_server.api.url, trust_env=False) as api:
        assert "prefect" in api.get("/collections/views/aggregate-worker-metadata").json()
        assert api.get("/collections/views/demo-flows").status_code == 404
        assert api.get("/admin/settings").json()["server"]["analytics_enabled"] is False


@pytest.mark.parametrize("server", ["dead", "guarded"], indirect=True)
@pytest.mark.parametrize(
    "command", ["deploy", "apply FLEET --yes", "monitor FLEET", "harvest", "plan FLEET --tenant x", "up --dir home"]
)
def test_a_server_that_cannot_be_used_is_named(entra_fleet_here, write_fleet, tenant, monkeypatch, server, command):
    monkeypatch.setenv("TOKEN", "good")
    places = {"FLEET": write_fleet(fleet(instance("one")))}
    monkeypatch.chdir(places["FLEET"].parent)
    with temporary_settings({PREFECT_API_URL: server}):
        result = entra_fleet_here(*(places.get(each, each) for each in command.split()))
    lines = [line for line in result.err.splitlines() if line]
    assert (result.code, len(lines)) == (1, 3), result.err
    assert server.replace("me:pa55word@", "") in lines[0]
    assert ("401" in lines[0]) == (server != DEAD)
    assert "pa55word" not in result.err
    assert tenant.requests(writes=True) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:x/api", "127.0.0.1:4200/api"])
def test_an_address_that_is_none(entra_fleet_here, url):
    with temporary_settings({PREFECT_API_URL: url}):
        result = entra_fleet_here("deploy")
    assert (result.code, len(result.err.splitlines())) == (1, 3), result.err
    assert "PREFECT_API_URL" in result.err


def test_a_run_that_somebody_cancels_is_said_in_a_few_lines(tmp_path, prefect_server, write_fleet):
    path = write_fleet(fleet(instance("one")))
    with (
        estate(tmp_path / "tenant") as tenant,
        httpx.Client(base_url=f"{prefect_server.api.url}/flow_runs", trust_env=False) as runs,
    ):
        # Other tests kill their commands, whose runs stay in the state Running.
        others = [run["id"] for run in runs.post("/filter", json={}).json()]
        process = started("apply", path, "--yes", PREFECT_API_URL=prefect_server.api.url, TOKEN="good")
        running = {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}, "id": {"not_any_": others}}}
        (run, *_) = until(lambda: runs.post("/filter", json=running).json(), what="a run")
        cancelling = {"state": {"type": "CANCELLING"}}
        assert runs.post(f"/{run['id']}/set_state", json=cancelling).json()["status"] == "ACCEPT"
        result = finished(process)
        assert (result.code, len(result.err.splitlines())) == (1, 2), result.err
        assert runs.get(f"/{run['id']}").json()["state"]["type"] == "CANCELLED"
        assert len(tenant.applications()) <= 1


def test_the_log_of_a_server_that_failed_outlives_its_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    folder = tmp_path / "gone"
    folder.mkdir()
    failing = Child("flows.cli.no_such_program", [], folder / "log", name="prefect-server", keeps_log=False)
    with pytest.raises(CommandFailed) as failure:
        failing.wait_until(lambda: False, 60)
    failing.stop()
    kept = Path(str(failure.value).rpartition("See its log: ")[2].removesuffix("."))
    assert kept.parent == tmp_path
    assert "no_such_program" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0

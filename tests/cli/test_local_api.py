"""A command without a Prefect server runs its flow on Prefect's engine, and answers the engine itself."""

from types import SimpleNamespace

import httpx
import pytest
from prefect import flow, task
from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.client.orchestration import get_client
from prefect.context import TaskRunContext
from prefect.logging import get_run_logger

from flows.cli.processes.child import Child
from flows.cli.processes.local_api import Runs, serve_local_api
from flows.cli.processes.prefect_server import PrefectApi, prefect_api
from flows.cli.processes.run_flow import run_flow, run_flow_against
from flows.tasks.mapped import redacted_task, step
from tests.cli.conftest import environment_of_a_child
from tests.estates import estate, fleet, instance


@pytest.fixture(autouse=True)
def _without_a_server():
    with environment_of_a_child({"PREFECT_API_URL": ""}):
        yield


@pytest.fixture
def no_children(monkeypatch):
    """Fails whatever would start a process."""

    def refuse(*_, **__):
        raise AssertionError("a process was started")

    monkeypatch.setattr(Child, "__init__", refuse)


def test_an_apply_starts_no_process(entra_fleet, write_fleet, tmp_path, no_children):
    path = write_fleet(fleet(instance("one"), instance("two")))
    with estate(tmp_path / "tenant") as tenant:
        result = entra_fleet("apply", path, "--yes", PREFECT_API_URL="", TOKEN="good")
        assert (result.code, result.err) == (0, "")
        assert len(tenant.applications()) == 2


def test_tasks_are_retried_and_the_run_is_kept_until_its_end():
    attempts = []

    @task(retries=2, retry_delay_seconds=0)
    async def third_time_lucky():
        attempts.append(len(attempts))
        get_run_logger().info("trying")
        if len(attempts) < 3:
            raise ValueError("not yet")
        return len(attempts)

    @flow
    async def look():
        made = await acreate_progress_artifact(progress=0.0, key="a-fleet")
        await aupdate_progress_artifact(made, progress=100.0)
        tried = await third_time_lucky()
        async with get_client() as client:
            (mine,) = [await client.read_flow_run(run) for run in _runs_of_this_flow()]
            assert await client.read_flow_runs() == await client.read_deployments() == []
        return tried, mine.state_type.name

    assert run_flow(look, {}) == (3, "RUNNING")


def _runs_of_this_flow():
    from prefect.runtime import flow_run

    return [flow_run.id]


def test_the_steps_of_an_instance_are_no_task_runs_that_nobody_could_look_at():
    @step("look")
    async def look_around(plan):
        return plan.key, TaskRunContext.get()

    @flow
    async def look():
        return await look_around(SimpleNamespace(key="one"))

    assert run_flow(look, {}) == ("one", None)


class Unsearched(list):
    """A list that must not be gone through."""

    def __iter__(self):
        raise AssertionError("it was searched for futures")


def test_what_a_task_is_given_is_not_searched_for_futures():
    large = Unsearched([1])

    @redacted_task("take")
    async def take(given, *, named):
        return given is named is large

    @flow
    async def give():
        return await take(large, named=large)

    assert run_flow(give, {}) is True


def test_a_flow_that_fails_raises_what_it_raised():
    @flow
    async def fail():
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        run_flow(fail, {})


def test_another_process_of_this_machine_is_refused():
    with prefect_api() as api, httpx.Client(base_url=api.url, trust_env=False) as stranger:
        for auth in (None, ("admin", "guessed")):
            assert stranger.get("/admin/version", auth=auth).status_code == 401
            assert stranger.post("/flows/", json={"name": "forged"}, auth=auth).status_code == 401
        known = tuple(api.auth_string.split(":"))
        assert stranger.get("/admin/version", auth=known).status_code == 200


def test_what_is_not_there_is_not_found():
    runs, nobody = Runs(), "00000000-0000-0000-0000-000000000000"
    asked = [
        ("GET", f"/flow_runs/{nobody}", None),
        ("PATCH", f"/artifacts/{nobody}", {"data": "1"}),
        ("POST", f"/flow_runs/{nobody}/set_state", {"state": {"type": "RUNNING"}}),
        ("GET", "/block_types/slug/entra-tenant", None),
        ("GET", "/csrf-token", None),
    ]
    assert [runs.answer(*each)[0] for each in asked] == [404] * len(asked)


def test_what_it_answers_is_what_a_server_answers(prefect_server):
    """The fields that the engine reads, beside those of Prefect's own server."""

    def shape(url, auth_string):
        seen = []

        @flow(name="shapes")
        async def ask():
            async with get_client() as client:
                made = await client.request("POST", "/flows/", json={"name": "another flow"})
                body = {"flow_id": made.json()["id"], "state": {"type": "PENDING"}, "parameters": {"a": 1}}
                run = await client.request("POST", "/flow_runs/", json=body)
                path = f"/flow_runs/{run.json()['id']}"
                moved = await client.request("POST", f"{path}/set_state", json={"state": {"type": "RUNNING"}})
                renamed = await client.request("PATCH", path, json={"name": "another"})
                found = (await client.request("GET", path)).json()
                state = moved.json()["state"]
                seen.extend(each.status_code for each in (made, run, moved, renamed))
                seen.append(moved.json()["status"])
                seen.append([state["type"], state["name"], state["state_details"]["flow_run_id"] == found["id"]])
                seen.append({key: found[key] for key in ("name", "state_type", "state_name", "parameters")})

        run_flow_against(PrefectApi(url, auth_string), ask, {})
        return seen

    with serve_local_api("a:b") as url:
        ours = shape(url, "a:b")
    assert ours == shape(prefect_server.api.url, None)

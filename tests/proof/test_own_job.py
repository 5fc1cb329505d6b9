"""Which of several jobs is ours: the others are named, and left alone by every command."""

import json

import httpx
import pytest

from flows.control_jobs import control_jobs
from flows.monitor import monitor_fleet
from flows.rotate import rotate_credentials
from tests.estates import NON_GALLERY, fleet, instance
from tests.proof.looks import state_of

ONE = fleet(instance("one", NON_GALLERY))
OLD = fleet(instance("one", NON_GALLERY, synchronization_template="customappsso"))


@pytest.fixture
def tenant(world):
    world.reset()
    yield world
    world.on_request = None


def add_job(world, template):
    (principal,) = world.emulator.tenant.directory.live["servicePrincipal"].values()
    return world.emulator.tenant.jobs.create(principal, template).id


def states(world):
    return {job["templateId"]: state_of(job) for jobs in world.jobs().values() for job in jobs}


def test_a_second_job_is_a_warning_and_never_touched(tenant):
    (made,) = tenant.apply(ONE).instances
    other = add_job(tenant, "customappsso")
    assert other < made.job_id
    tenant.forget()
    planned = tenant.plan(ONE)
    (instance_plan,) = planned.instances
    assert (instance_plan.job_id, planned.writes, len(instance_plan.warnings)) == (made.job_id, 0, 1)
    assert other in instance_plan.warnings[0]
    (reading,) = tenant.run(tenant.doing(monitor_fleet, ONE)).readings
    assert (reading.health.job_id, reading.as_json()["other_jobs"]) == (made.job_id, [other])
    (paused,) = tenant.run(tenant.doing(control_jobs, ONE, "pause")).instances
    assert (paused.job_id, states(tenant)) == (made.job_id, {"scim": "Paused", "customappssoOutDelta": "Disabled"})
    (rotated,) = tenant.run(tenant.doing(rotate_credentials, ONE, ["one"])).instances
    assert (rotated.failure, rotated.job_id) == (None, made.job_id)
    tenant.apply(ONE)
    assert states(tenant) == {"scim": "Active", "customappssoOutDelta": "Disabled"}


def test_several_jobs_of_other_templates_are_a_conflict(tenant):
    (made,) = tenant.apply(OLD).instances
    add_job(tenant, "customappssoRoleIn")
    assert len(tenant.emulator.tenant.jobs.of(made.service_principal_id, 0.0)) == 2
    (planned,) = tenant.plan(ONE).instances
    assert (planned.conflict.code, planned.health.state) == ("JobUnclear", "missing")


@pytest.mark.parametrize("called", ["customappssoOutDelta", "somethingElse"])
def test_a_job_that_graph_calls_otherwise_is_ours_on_every_machine(tenant, called):
    tenant.on_request = Renaming(tenant.emulator, called)
    (made,) = tenant.apply(OLD).instances
    assert (made.failure, states(tenant)) == (None, {called: "Active"})
    tenant.forget()
    planned = tenant.apply(OLD, dry_run=True, store=f"sqlite:///{tenant.new_store()}")
    assert (planned.instances[0].job_id, planned.writes) == (made.job_id, 0)
    (reading,) = tenant.run(tenant.doing(monitor_fleet, OLD)).readings
    assert (reading.health.job_id, reading.other_jobs) == (made.job_id, ())
    tenant.apply(OLD)
    assert tenant.requests(writes=True) == []


class Renaming:
    """Makes jobs of another template than asked for, as Graph was seen to do (job-create-customappsso)."""

    def __init__(self, emulator, called):
        self._emulator, self._called = emulator, called

    async def __call__(self, request, graph):
        answer = await graph.handle_async_request(request)
        if request.method != "POST" or not request.url.path.endswith("/synchronization/jobs"):
            return answer
        made = json.loads(answer.content)
        for job in self._emulator.tenant.jobs.of(request.url.path.split("/")[3], 0.0):
            job.template_id = self._called
        return httpx.Response(201, json=made | {"templateId": self._called})

"""Applies, starts and restarts that fail or die, and a portal where credentials and jobs change in between."""

import asyncio
from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from flows.configuration.environment import add_prefect_variables
from flows.control_jobs import control_jobs
from graph_client.errors import GraphError
from graph_emulator.faults.rules import read_fault
from tests.estates import fleet, instance
from tests.proof.portal import Portal
from tests.proof.starts import Starts

KEYS = ("one", "two")
KEY = st.sampled_from(KEYS)
VALUES = st.sampled_from(["good", "good as new", "wrong", ""])
TROUBLES = st.sampled_from(
    [
        "put_secrets: commit, then 503",
        "put_secrets x4: commit, then 503",
        "put_secrets x4: 503",
        "start_job: 400",
        "start_job: 503",
        "start_job: commit, then reset",
        "create_job x4: commit, then 503",
        "validate_job_credentials: 503",
    ]
)


class StartMachine(RuleBasedStateMachine):
    """No job starts for the first time with credentials that were not validated as they are in the tenant."""

    world = None

    @initialize()
    def begin(self):
        self.world.reset()
        self.portal = Portal(self.world)
        self.starts = self.world.on_request = Starts(self.world.emulator)
        self.value = "good"
        self.file = {key: instance(key) for key in KEYS}

    @rule(value=VALUES)
    def replace_the_secret(self, value):
        self.value = value or "good"

    @rule(key=KEY, job=st.sampled_from(["running", "paused", "unmanaged"]), named=st.booleans())
    def edit_the_file(self, key, job, named):
        self.file[key] = instance(key, job=job) | ({} if named else {"credentials": {}})

    @rule(key=KEY, value=VALUES)
    def save_a_credential_in_the_portal(self, key, value):
        for principal in self.portal.principals(key):
            self.world.emulator.controls.edit_secrets(principal["id"], {"SecretToken": value})

    @rule(key=KEY, action=st.sampled_from(["pause", "delete"]))
    def act_on_the_job_in_the_portal(self, key, action):
        for job in self.portal.jobs(key):
            self.world.emulator.controls.act_on_job(job["id"], action)

    @rule(key=KEY)
    def make_a_job_in_the_portal(self, key):
        if not self.portal.jobs(key):
            live = self.world.emulator.tenant.directory.live["servicePrincipal"]
            for principal in self.portal.principals(key):
                self.world.emulator.tenant.jobs.create(live[principal["id"]], "BoxOutDelta")

    @rule(trouble=TROUBLES)
    def get_into_trouble(self, trouble):
        self.world.emulator.controls.add_faults([read_fault(trouble)])

    @rule(save=st.booleans(), force=st.booleans(), forgotten=st.booleans())
    def apply(self, save, force, forgotten):
        store = {"store": f"sqlite:///{self.world.new_store()}"} if forgotten else {}
        self._run(lambda: self.world.applying(self._wanted(), save_credentials=save, force=force, **store))

    @rule(occurrence=st.integers(1, 40), after_commit=st.booleans())
    def die_while_applying(self, occurrence, after_commit):
        watch = self.starts
        self.world.on_request = _Death(watch, occurrence, after_commit)
        try:
            self._run(lambda: self.world.on_request.of(self.world.applying(self._wanted())))
        finally:
            self.world.on_request = watch

    @rule(action=st.sampled_from(["start", "restart"]), force=st.booleans())
    def control_the_jobs(self, action, force):
        self._run(lambda: self.world.doing(control_jobs, self._wanted(), action, force=force))

    @invariant()
    def nothing_unproven_was_started(self):
        if hasattr(self, "starts"):
            assert self.starts.unproven == []

    def _wanted(self):
        return fleet(*self.file.values())

    def _run(self, work):
        self.starts.begin_run()
        with add_prefect_variables({"TOKEN": self.value}), suppress(GraphError, asyncio.CancelledError):
            self.world.run(work())
        self.world.emulator.controls.clear_faults()


class _Death:
    """Cancels a run at its n-th request, as a kill does."""

    def __init__(self, watch, occurrence, after_commit):
        self._watch, self._left, self._after_commit = watch, occurrence, after_commit

    async def of(self, run):
        self._run = asyncio.current_task()
        return await run

    async def __call__(self, request, graph):
        self._left -= 1
        if self._left:
            return await self._watch(request, graph)
        if self._after_commit:
            await self._watch(request, graph)
        self._run.cancel()
        return await asyncio.Event().wait()

"""An embedded tenant, and what the tests ask of it."""

import time
from collections import defaultdict
from contextlib import contextmanager
from datetime import timedelta
from email.utils import formatdate
from functools import partial

import httpx
import pytest

from flows.configuration import sign_in
from flows.configuration.environment import add_prefect_variables
from flows.steps.idempotency import WaitLimits, use_wait_limits
from graph_client import GraphClient
from graph_emulator import Clock, Emulator, EmulatorSettings
from tests.store.databases import lay_empty_store

TENANT = EmulatorSettings().tenant_id
HASTY = WaitLimits(lookup_seconds=1.0, ready_seconds=30.0, interval_seconds=0.05, second_look_seconds=0.05)
QUICK = {"start_delay_seconds": 0.0, "initial_cycle_seconds": 0.05, "log_latency_seconds": 0.0, "cycle_seconds": 3600.0}
DATABRICKS = "Azure Databricks SCIM Provisioning Connector"
NON_GALLERY = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"
AWS = "AWS Single-Account Access"


class Estate:
    """A served tenant: what it holds, and what was asked of it."""

    def __init__(self, emulator, served):
        self.emulator = emulator
        self.served = served
        self._since = 0

    def requests(self, operation=None, *, writes=False):
        """What Graph was asked so far, by operation or what changes something; batches show as what they carry."""
        return [
            record
            for record in self.emulator.requests
            if record.sequence > self._since
            and record.path.startswith(("/v1.0/", "/beta/"))
            and record.operation != "batch"
            and (operation is None or record.operation == operation)
            and (not writes or record.method != "GET")
        ]

    def on_wire(self):
        """How many requests that was on the wire."""
        return sum(
            record.sequence > self._since and record.batch is None and record.path.startswith(("/v1.0/", "/beta/"))
            for record in self.emulator.requests
        )

    def forget(self):
        """Count from here."""
        self._since = self.emulator.requests.sequence

    def applications(self):
        """The applications by the tag they bear; without a tag, by their name."""
        found = defaultdict(list)
        for application in self.emulator.controls.state()["applications"]:
            tags = [tag for tag in application["tags"] if tag.startswith("entra-fleet:")]
            found[tags[0] if tags else application["displayName"]].append(application)
        return found

    def jobs(self):
        """The jobs by service principal id."""
        return self.emulator.controls.state()["jobs"]

    def operations_by_principal(self):
        """The names of the writes below each service principal that were done, answered or not, in order."""
        found = defaultdict(list)
        for record in self.requests(writes=True):
            parts = record.path.split("/")
            done = record.status < 400 or (record.fault or "").endswith("-after")
            if "servicePrincipals" in parts and done:
                found[parts[parts.index("servicePrincipals") + 1]].append(record.operation)
        return found


def a_minute_behind():
    """A clock by which whatever happens in the tenant lies before the end of any harvest; one for each tenant."""
    return Clock(lambda: time.time() - 60)


class _Dated(httpx.AsyncBaseTransport):
    """Carries what goes to Graph to the emulator, whose answers say what time it is there."""

    def __init__(self, emulator):
        self._inner, self._clock = emulator.transport(), emulator.clock

    async def handle_async_request(self, request):
        answer = await self._inner.handle_async_request(request)
        answer.headers["date"] = formatdate(self._clock.now(), usegmt=True)
        return answer


@contextmanager
def estate(directory, faults=(), patience=HASTY, clock=None, emulator=Emulator, **settings):
    """Serve a tenant over TLS, sign in to it by the environment, and keep a store beside it."""
    directory.mkdir(exist_ok=True)
    if not (directory / "store.db").exists():
        lay_empty_store(directory / "store.db")
    emulator = emulator(EmulatorSettings(**(QUICK | settings)), clock or a_minute_behind(), faults)
    store = {"ENTRA_FLEET_STORE": f"sqlite:///{directory / 'store.db'}"}
    with (
        emulator.serve(port=0, directory=directory) as served,
        add_prefect_variables({**served.environment, **store}),
        use_wait_limits(patience),
    ):
        yield Estate(emulator, served)


@contextmanager
def estate_behind(directory, **span):
    """A tenant whose clock is so far behind this machine's, and whose answers say so."""
    seconds = timedelta(**span).total_seconds()
    with (
        estate(directory, clock=Clock(lambda: time.time() - seconds), entry_failure_share=0.0) as served,
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setattr(sign_in, "GraphClient", partial(GraphClient, transport=_Dated(served.emulator)))
        yield served


def instance(key, template="Box", **fields):
    """One instance of a fleet, its secrets in environment variables."""
    credentials = {"SecretToken": "${env:TOKEN}"}
    if template != "Box":
        credentials["BaseAddress" if template != AWS else "ClientSecret"] = (
            f"https://{key}.example.net/scim" if template != AWS else "${env:TOKEN}"
        )
    return {
        "key": key,
        "display_name": f"App {key}",
        "template": template,
        "scope": "all",
        "credentials": credentials,
        **fields,
    }


def fleet(*instances, **fields):
    """A fleet as an object."""
    return {"fleet": "contoso", "tenant_id": TENANT, "instances": list(instances), **fields}

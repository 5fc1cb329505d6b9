"""A tenant, a store and our flows in one thread, where waiting takes no time."""

import copy
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from types import MappingProxyType

import httpx
import pytest
from sqlalchemy import Engine, event

from flows.configuration import sign_in
from flows.configuration.environment import add_prefect_variables
from flows.provision import provision_fleet
from flows.steps.idempotency import use_wait_limits
from flows.store import store as stores
from graph_client import GraphClient, MsalTokens
from graph_emulator import Clock, EmulatedCloud, Emulator, EmulatorSettings
from graph_emulator.wire.problems import Request
from tests.estates import HASTY, QUICK, Estate
from tests.proof.prefect_aside import prefect_aside, run_flow
from tests.proof.quick_loop import QuickTime, run
from tests.store.databases import lay_empty_store

BEGINNING = 1_760_000_000.0


class World(Estate):
    """What a case needs: `apply` and `plan`, and the tenant to look at."""

    def __init__(self, directory, emulator=Emulator, targets=(), cloud=EmulatedCloud, **settings):
        self.time = QuickTime()
        clock = Clock(lambda: BEGINNING + self.time.now())
        home = EmulatorSettings(**(QUICK | settings))
        self.cloud = cloud([home, *targets], clock) if targets else None
        super().__init__(self.cloud[home.tenant_id] if self.cloud else emulator(home, clock), None)
        self.front = self.cloud or self.emulator
        self.hosts = set()
        # Called with each request and the transport that answers it.
        self.on_request = None
        self._directory = directory
        self._prepared = {}
        self._stores = 0
        self.store = self.new_store()

    def read_utc_now(self):
        """The time in the tenant."""
        return datetime.fromtimestamp(self.emulator.clock.now(), UTC)

    @property
    def tenants(self):
        """All tenants, the source first."""
        return list(self.cloud.tenants.values()) if self.cloud else [self.emulator]

    def new_store(self):
        """An empty store, such as another machine has."""
        self._stores += 1
        store = self._directory / f"store-{self._stores}.db"
        lay_empty_store(store)
        return store

    def reset(self):
        """A tenant as new, and an empty store."""
        for each in self.tenants:
            each.controls.reset()
        self.forget()
        self.on_request = None
        lay_empty_store(self.store)

    def begin_with(self, prepare):
        """A single tenant as this leaves it, at the same moment each time: done once, for it takes half of a test."""
        service = self.emulator._service
        shared = {id(each): each for each in (service.clock, service.settings)}
        if prepare not in self._prepared:
            self.reset()
            prepare(self)
            kept = copy.deepcopy((service.tenant, service.requests), shared)
            self._prepared[prepare] = self.time.now(), kept, self.store.read_bytes()
        moment, kept, stored = self._prepared[prepare]
        self.reset()
        self.time.leap(moment - self.time.now())
        service.tenant, service.requests = copy.deepcopy(kept, shared)
        self.store.write_bytes(stored)

    def apply(self, wanted, **parameters):
        """What came of an apply."""
        return self.run(self.applying(wanted, **parameters))

    def plan(self, wanted, **parameters):
        """What an apply would do."""
        return self.apply(wanted, dry_run=True, **parameters)

    def run(self, coroutine):
        """What a coroutine returns, on a loop where waiting takes no time."""
        return run(self.time, coroutine)

    def applying(self, wanted, **parameters):
        """What comes of an apply, once it is run."""
        return self.doing(provision_fleet, wanted, **parameters)

    async def doing(self, flow, *arguments, store=None, **parameters):
        """What comes of a flow, once it is run."""
        with add_prefect_variables({"ENTRA_FLEET_STORE": store or f"sqlite:///{self.store}"}):
            return await run_flow(flow, *arguments, **parameters)


class _Guarded(httpx.AsyncBaseTransport):
    """Carries what goes to Graph to the emulator, and notes which hosts were given a token."""

    def __init__(self, made):
        self._world = made
        self._inner = made.front.transport()

    async def handle_async_request(self, request):
        self._world.hosts.add(request.url.host)
        meddle = self._world.on_request
        return await (meddle(request, self._inner) if meddle else self._inner.handle_async_request(request))


class _SignIn(httpx.BaseTransport):
    """Carries what MSAL sends to the emulator."""

    def __init__(self, emulator):
        self._emulator = emulator

    def handle_request(self, request):
        root = f"{request.url.scheme}://{request.url.netloc.decode()}"
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = request.url.query.decode()
        asked = Request(request.method, request.url.path, query, headers, request.read(), root)
        answer = self._emulator.handle(asked)
        if answer.reset:
            raise httpx.ReadError("reset", request=request)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)


@contextmanager
def world(directory, emulator=Emulator, targets=(), variables=MappingProxyType({}), **settings):
    """A world whose flows sign in to its tenant by the environment, without a network."""
    made = World(directory, emulator, targets, **settings)
    tenant = made.emulator.settings
    variables = variables | {
        "AZURE_TENANT_ID": tenant.tenant_id,
        "AZURE_CLIENT_ID": tenant.client_id,
        "AZURE_CLIENT_SECRET": tenant.client_secret,
        "AZURE_AUTHORITY_HOST": "https://localhost",
        "ENTRA_FLEET_GRAPH_URL": "https://localhost",
        "TOKEN": "good",
    }
    client = partial(GraphClient, transport=_Guarded(made), clock=made.time.now, wall_clock=made.read_utc_now)
    tokens = partial(MsalTokens, transport=_SignIn(made.front), clock=made.time.now)
    with (
        _hasty_disk(),
        pytest.MonkeyPatch.context() as patched,
        add_prefect_variables(variables),
        use_wait_limits(HASTY),
        prefect_aside(),
    ):
        patched.setattr(sign_in, "GraphClient", client)
        patched.setattr(sign_in, "MsalTokens", tokens)
        # The same engine for all runs with one store: a new one would compile each statement again.
        patched.setattr(stores, "open_engine", cache(stores.open_engine))
        yield made


@contextmanager
def _hasty_disk():
    """Have no store wait for the disk: nobody cuts the power here, and disks may be slow."""

    def hurry(connection, *_):
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "checkout", hurry)
    try:
        yield
    finally:
        event.remove(Engine, "checkout", hurry)

"""A tenant with an estate, looked through by a client in this process."""

from datetime import UTC, datetime

from flows.inventory.discovery import TenantLook
from flows.inventory.inventory import read_inventory
from flows.store import open_store
from graph_client import GraphClient, GraphSettings, StaticTokens
from graph_emulator import Clock, Emulator, EmulatorSettings
from tests.monitoring.emulated import token_of

READING = ("Application.Read.All", "Synchronization.Read.All")
HOUR = 3600.0
DAY = 24 * HOUR


class Killed(Exception):
    """The process ends here."""


class Tenant:
    """What the tests do to a tenant, and what they know of it."""

    def __init__(self, url, *, roles=READING, emulator=Emulator, page_size=999, **settings):
        self.page_size = page_size
        self.emulator = emulator(EmulatorSettings(roles=roles, cycle_seconds=2400.0, **settings), Clock.frozen())
        self.controls = self.emulator.controls
        self.url = url
        self.calls = []

    @property
    def id(self):
        return self.emulator.settings.tenant_id

    @property
    def now(self):
        return datetime.fromtimestamp(self.controls.now(), UTC)

    async def look(self, *, url=None, kill_after=None, on_progress=lambda *_: None, **options):
        """The inventory after one look; the requests it took are in `calls`."""
        graph = await self._client()
        self.calls = []
        send = graph._session._http.send

        async def sent(call, address):
            if kill_after is not None and len(self.calls) >= kill_after:
                raise Killed
            self.calls.append(call)
            return await send(call, address)

        graph._session._http.send = sent
        graph._session.server_clock.now = lambda: self.now
        with open_store(url or self.url) as store:
            async with graph:
                await TenantLook(graph, store, self.id, on_progress=on_progress, **options).run()
            return read_inventory(store, self.id, self.now, requests=graph.requests_sent)

    async def _client(self):
        async def sleep(seconds):
            self.controls.advance(seconds)

        settings = GraphSettings.for_cloud("global", page_size=self.page_size)
        tokens = StaticTokens(await token_of(self.emulator))
        return GraphClient(
            settings, tokens, transport=self.emulator.transport(), sleep=sleep, clock=self.emulator.clock.now
        )

    def type_of(self, principal):
        return self.emulator.tenant.directory.live["servicePrincipal"][principal].value["servicePrincipalType"]

    def instantiate(self, template, name):
        """The service principal of a new application."""
        found = next(each for each in self.emulator.tenant.gallery.values() if each.display_name == template)
        return self.emulator.tenant.directory.instantiate(found, name, None, "somebody", self.controls.now())[1]

    def truth(self):
        """Service principal, job and template of every job that the tenant has."""
        return {
            (principal, job["id"], job["templateId"])
            for principal, jobs in self.controls.state()["jobs"].items()
            for job in jobs
        }

    def rows(self, url=None, *, gone=False):
        """The rows of both tables in the store."""
        with open_store(url or self.url) as store:
            jobs = store.inventory.jobs(
                self.id, **({"changed_since": datetime.min.replace(tzinfo=UTC)} if gone else {})
            )
            return jobs, store.inventory.principals(self.id)


def shown(inventory):
    """Service principal, job and template of every job that an inventory shows."""
    found = [
        (each.job.service_principal_id, each.job.job_id, each.job.synchronization_template_id)
        for each in inventory.rows
    ]
    assert len(found) == len(set(found))
    return set(found)

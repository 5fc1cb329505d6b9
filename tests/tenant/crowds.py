"""Tenants that hold a fleet of many already, made behind Graph's back."""

import asyncio

import httpx

from flows.fleet_file.loader import fleet_from_object
from flows.tenant.ownership_tag import OwnershipTag
from graph_client import GraphClient, GraphSettings, StaticTokens
from graph_emulator import Clock, Emulator, EmulatorSettings
from tests.estates import fleet, instance

BOX = "Box"
STILL = {"start_delay_seconds": 86_400.0}


def crowd(count, **settings):
    """An emulator with `count` instances of Box that need nothing, and the fleet they are."""
    emulator = Emulator(EmulatorSettings(**(STILL | settings)), Clock.frozen())
    wanted = fleet(*(instance(f"k{number}", BOX) for number in range(count)))
    for each in wanted["instances"]:
        settle(emulator, each["key"], each["display_name"])
    return emulator, fleet_from_object(wanted)


def settle(emulator, key, display_name, named=BOX):
    """One more instance: marked if it has a key, with its secrets saved and its job started."""
    tenant, now = emulator.tenant, emulator.clock.now()
    owner = next(iter(tenant.people.users))
    template = next(each for each in tenant.gallery.values() if each.display_name == named)
    application, principal = tenant.directory.instantiate(template, display_name, None, owner, now)
    if key:
        tenant.directory.patch(application, {"tags": [OwnershipTag("contoso", key).tag]}, now)
    job = tenant.jobs.create(principal, next(iter(template.synchronization)))
    emulator.controls.edit_secrets(principal.id, {"SecretToken": "good", "SyncAll": "true"})
    tenant.jobs.start(job, now)
    return principal.id


def wire_of(emulator):
    """The operations that were requests of their own, in order."""
    return [each.operation for each in emulator.requests if each.batch is None and each.operation != "token"]


async def token_of(emulator, transport=None, authority="https://login.microsoftonline.com"):
    """A token of the tenant's own client."""
    settings = emulator.settings
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "scope": "https://graph.microsoft.com/.default",
    }
    async with httpx.AsyncClient(transport=transport or emulator.transport()) as client:
        url = f"{authority}/{settings.tenant_id}/oauth2/v2.0/token"
        return (await client.post(url, data=form)).json()["access_token"]


async def graph_of(emulator, **changes):
    """A client of the tenant, in process; waiting moves the tenant's clock."""

    async def sleep(seconds):
        emulator.controls.advance(seconds)
        await asyncio.sleep(0)

    settings = GraphSettings.for_cloud("global", **changes)
    tokens = StaticTokens(await token_of(emulator))
    return GraphClient(settings, tokens, transport=emulator.transport(), sleep=sleep, clock=emulator.clock.now)

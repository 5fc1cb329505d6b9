"""An embedded tenant in this process whose time passes only when somebody waits."""

import httpx

from graph_client import GraphClient, GraphSettings, StaticTokens


async def token_of(emulator) -> str:
    settings = emulator.settings
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "scope": "https://graph.microsoft.com/.default",
    }
    async with httpx.AsyncClient(transport=emulator.transport()) as client:
        url = f"https://login.microsoftonline.com/{settings.tenant_id}/oauth2/v2.0/token"
        return (await client.post(url, data=form)).json()["access_token"]


async def client_of(emulator, api_version="v1.0") -> GraphClient:
    async def sleep(seconds):
        emulator.controls.advance(seconds)

    return GraphClient(
        GraphSettings.for_cloud("global", api_version=api_version),
        StaticTokens(await token_of(emulator)),
        transport=emulator.transport(),
        sleep=sleep,
        clock=emulator.clock.now,
    )


async def start_box(graph, name) -> str:
    [template] = [found async for found in graph.application_templates.list(display_name="Box")]
    made = await graph.application_templates.instantiate(template.id, display_name=name)
    principal = made.service_principal.id
    [kind, *_] = await graph.synchronization.templates(principal)
    job = await graph.synchronization.create_job(principal, kind.id)
    await graph.synchronization.save_secrets(principal, {"SecretToken": "good", "SyncAll": "true"})
    await graph.synchronization.start(principal, job.id)
    return principal


def event_ids(emulator) -> dict[str, list[str]]:
    """The id of each event that has happened in the tenant, readable or not, by service principal."""
    emulator.controls.state()  # lets the jobs do what is due
    ids: dict[str, list[str]] = {}
    for event in emulator.tenant.log.happened(emulator.clock.now()):
        ids.setdefault(event.principal.id, []).append(event.id)
    return ids

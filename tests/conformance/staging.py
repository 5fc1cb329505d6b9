"""Bringing an embedded tenant into the state that an exchange needs, and sending its request there."""

import json
from typing import Any

import httpx

from tests.conformance.exchanges import Exchange
from tests.graph_emulator.driver import AWS, CUSTOM, Wire

TEMPLATES = {
    "aws": AWS,
    "custom": CUSTOM,
    "google": "01303a13-8322-4e06-bee5-80d612907131",
    "cross-tenant": "518e5f48-1fc8-4c48-9387-9fdf28b0dfe7",
    "databricks": "9c9818d2-2900-49e8-8ba4-22688be7c675",
}
SECRETS = {"BaseAddress": "https://scim.tailspin.example", "SecretToken": "good", "SyncAll": "true"}
LONG_AGO_SECONDS = 4 * 3600


async def staged(wire: Wire, state: dict[str, Any]) -> dict[str, str]:
    """Make what the exchange needs; return what stands for its placeholders."""
    known = {"{user}": wire.user_ids[0], "{group}": wire.group_ids[0]}
    if state.get("expired"):
        wire.emulator.controls.advance(2 * wire.emulator.settings.token_lifetime_seconds)
    if partner := state.get("partner"):
        wire.emulator.controls.seed_partner(partner, {})
        if state.get("synchronization"):
            wire.emulator.controls.set_identity_synchronization(partner, True)
    if template := state.get("template"):
        _, known["{principal}"] = await wire.instantiate("Orders", TEMPLATES[template])
        roles = (await wire.get(f"/servicePrincipals/{known['{principal}']}"))["appRoles"]
        known["{role}"] = roles[0]["id"]
    if address := state.get("relay_state"):
        settings = {"samlSingleSignOnSettings": {"relayState": address}}
        await wire.send("PATCH", f"/servicePrincipals/{known['{principal}']}", settings)
    if state.get("second"):
        _, known["{second}"] = await wire.instantiate("Without a job", CUSTOM)
    if state.get("job"):
        job = await wire.make_job(known["{principal}"], state["job"])
        known["{job}"] = job.rpartition("/")[2]
        known["{rule}"] = (await wire.get(f"{job}/schema"))["synchronizationRules"][0]["id"]
        await _brought_to_life(wire, known["{principal}"], job, state)
    return known


async def _brought_to_life(wire: Wire, principal: str, job: str, state: dict[str, Any]) -> None:
    if state.get("secrets") or state.get("history"):
        assert (await wire.save(principal, SECRETS)).status_code == 204
    if state.get("started") or state.get("history"):
        await wire.post(f"{job}/start")
    if state.get("history"):
        wire.emulator.controls.advance(LONG_AGO_SECONDS)
        await wire.sign_in()


async def replayed(wire: Wire, exchange: Exchange) -> httpx.Response:
    """Send the request of an exchange, as it is on record."""
    text = json.dumps([exchange.request["path"], exchange.request.get("body")])
    for placeholder, value in (await staged(wire, exchange.state)).items():
        text = text.replace(placeholder, value)
    path, body = json.loads(text)
    headers = {**wire.headers, **exchange.request.get("headers", {})}
    content = b"" if body is None else json.dumps(body).encode()
    return await wire.client.request(exchange.request["method"], path, content=content, headers=headers)

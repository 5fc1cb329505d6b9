"""A raw HTTP client of the emulator and what tests do with it again and again."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from graph_emulator import Emulator

AWS = "8b1025e4-1dd2-430b-a150-2ef79cd700f5"
CUSTOM = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"
GOOD = {"SecretToken": "good"}
NEVER = "0001-01-01T00:00:00Z"


@dataclass
class Wire:
    """One signed-in client of one emulator, through one of the doors."""

    emulator: Emulator
    client: httpx.AsyncClient
    version: str = "v1.0"
    headers: dict[str, str] = field(default_factory=dict)

    async def sign_in(self, **changes: str) -> httpx.Response:
        settings = self.emulator.settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "scope": "https://graph.microsoft.com/.default",
            **changes,
        }
        address = f"/{settings.tenant_id}/oauth2/v2.0/token"
        response = await self.client.post(address, data={name: value for name, value in form.items() if value})
        if response.status_code == 200:
            self.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
        return response

    async def send(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        typed = {"Content-Type": "application/json"} if method in ("POST", "PATCH", "PUT") else {}
        headers = {**self.headers, **typed, **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        url = path if path.startswith(("https:", "/_emulator")) else f"/{self.version}{path}"
        return await self.client.request(method, url, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> Any:
        response = await self.send("GET", path, **options)
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, body: Any = None, status: int = 204) -> Any:
        response = await self.send("POST", path, body)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    async def all_pages(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        link: str | None = path
        while link:
            page = await self.get(link)
            found += page["value"]
            link = page.get("@odata.nextLink")
        return found

    async def template_id(self, name: str) -> str:
        found = await self.get(f"/applicationTemplates?$filter=displayName eq '{name}'")
        return found["value"][0]["id"]

    async def instantiate(self, name: str = "Box One", template: str = "Box") -> tuple[str, str]:
        template_id = template if "-" in template and " " not in template else await self.template_id(template)
        made = await self.post(f"/applicationTemplates/{template_id}/instantiate", {"displayName": name}, 201)
        return made["application"]["id"], made["servicePrincipal"]["id"]

    async def make_job(self, principal: str, template: str = "BoxOutDelta") -> str:
        path = f"/servicePrincipals/{principal}/synchronization/jobs"
        job = await self.post(path, {"templateId": template}, 201)
        return f"{path}/{job['id']}"

    async def save(self, principal: str, secrets: dict[str, str]) -> httpx.Response:
        pairs = [{"key": key, "value": value} for key, value in secrets.items()]
        return await self.send("PUT", f"/servicePrincipals/{principal}/synchronization/secrets", {"value": pairs})

    async def validate(self, path: str, secrets: dict[str, str], **body: Any) -> httpx.Response:
        pairs = [{"key": key, "value": value} for key, value in secrets.items()]
        return await self.send("POST", f"{path}/validateCredentials", {"credentials": pairs, **body})

    async def running_job(self, template: str = "Box", sync: str = "BoxOutDelta", **secrets: str) -> tuple[str, str]:
        """A started job that provisions everybody: the service principal and the path of the job."""
        _, principal = await self.instantiate(f"{template} running", template)
        job = await self.make_job(principal, sync)
        await self.save(principal, {**GOOD, "SyncAll": "true", **secrets})
        await self.post(f"{job}/start")
        return principal, job

    async def assign(self, principal: str, who: str) -> httpx.Response:
        roles = (await self.get(f"/servicePrincipals/{principal}?$select=appRoles"))["appRoles"]
        body = {"principalId": who, "resourceId": principal, "appRoleId": roles[0]["id"]}
        return await self.send("POST", f"/servicePrincipals/{principal}/appRoleAssignedTo", body)

    @property
    def user_ids(self) -> list[str]:
        people = self.emulator.tenant.people.users
        return [id_ for id_, user in people.items() if user["accountEnabled"]]

    @property
    def group_ids(self) -> list[str]:
        return list(self.emulator.tenant.people.groups)

    def settle(self) -> None:
        """Let the clock pass the initial cycle and the latency of the log."""
        settings = self.emulator.settings
        self.emulator.controls.advance(
            settings.start_delay_seconds + settings.initial_cycle_seconds + settings.log_latency_seconds
        )


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def status_of(wire: Wire, job: str) -> dict[str, Any]:
    return (await wire.get(job))["status"]


def entries_in(status: dict[str, Any]) -> int:
    return sum(entry["value"] for entry in status["synchronizedEntryCountByType"])

"""Two tenants of one cloud, and the steps of Microsoft's page that lead from one into the other."""

from dataclasses import dataclass

from graph_emulator import EmulatedCloud
from tests.graph_emulator.driver import Wire

PARTNERS = "/policies/crossTenantAccessPolicy/partners"
TEMPLATE = "518e5f48-1fc8-4c48-9387-9fdf28b0dfe7"


@dataclass
class Pair:
    """A source and a target."""

    cloud: EmulatedCloud
    source: Wire
    target: Wire

    @property
    def source_id(self) -> str:
        return self.source.emulator.settings.tenant_id

    @property
    def target_id(self) -> str:
        return self.target.emulator.settings.tenant_id

    @property
    def here(self) -> str:
        """The partner of the source."""
        return f"{PARTNERS}/{self.target_id}"

    @property
    def there(self) -> str:
        """The partner of the target."""
        return f"{PARTNERS}/{self.source_id}"

    async def allow(self, *, consent: bool = True) -> None:
        """The half of the target."""
        await self.target.post(PARTNERS, {"tenantId": self.source_id}, 201)
        body = {"displayName": "Contoso", "userSyncInbound": {"isSyncAllowed": True}}
        assert (await self.target.send("PUT", f"{self.there}/identitySynchronization", body)).status_code == 204
        if consent:
            body = {"automaticUserConsentSettings": {"inboundAllowed": True}}
            assert (await self.target.send("PATCH", self.there, body)).status_code == 204

    async def consent(self) -> None:
        """The half of the source."""
        await self.source.post(PARTNERS, {"tenantId": self.target_id}, 201)
        body = {"automaticUserConsentSettings": {"outboundAllowed": True}}
        assert (await self.source.send("PATCH", self.here, body)).status_code == 204

    @property
    def secrets(self) -> dict[str, str]:
        return {"CompanyId": self.target_id, "AuthenticationType": "SyncPolicy"}

    async def configure(self, *assigned: str, **secrets: str) -> tuple[str, str]:
        """An application with a saved, not started job: its service principal, and the path of the job."""
        _, principal = await self.source.instantiate("Fabrikam", TEMPLATE)
        job = await self.source.make_job(principal, "Azure2Azure")
        assert (await self.source.save(principal, {**self.secrets, **secrets})).status_code == 204
        for who in assigned:
            assert (await self.source.assign(principal, who)).status_code == 201
        return principal, job

    async def running(self, *assigned: str, **secrets: str) -> tuple[str, str]:
        """A started job whose first cycle has ended."""
        await self.allow()
        await self.consent()
        principal, job = await self.configure(*assigned, **secrets)
        await self.source.post(f"{job}/start")
        self.source.settle()
        return principal, job

    def guests(self) -> list[dict]:
        return self.target.emulator.controls.guests(self.source_id)

"""A source tenant and one subsidiary, with a job between them that was set up a while ago."""

from contextlib import contextmanager
from functools import partial

from flows.configuration.environment import add_prefect_variables
from flows.retire import retire_instances
from flows.store import Access, open_store
from flows.tenant.ownership_tag import OwnershipTag
from graph_emulator import EmulatedCloud, EmulatorSettings
from graph_emulator.settings import ALL_ROLES
from tests.estates import fleet, instance
from tests.proof.world import world
from tests.tenant.crowds import graph_of

TARGET = "3f2c0000-0000-4000-8000-000000000001"
TEMPLATE = "518e5f48-1fc8-4c48-9387-9fdf28b0dfe7"
CLIENT = {"client_id": "5c1d0000-0000-4000-8000-00000000000a", "client_secret": "target~secret"}
FOREIGN = {
    "b2bCollaborationInbound": {"usersAndGroups": {"accessType": "blocked", "targets": []}},
    "inboundTrust": {"isMfaAccepted": True, "isCompliantDeviceAccepted": None},
}
"""Settings that others made for the same partner."""
GIVEN = (
    ("target", "partner"),
    ("target", "users"),
    ("target", "redeem"),
    ("source", "partner"),
    ("source", "redeem"),
)


class Home:
    """The first tenant of a cloud, whose ways in lead to all of them."""

    def __init__(self, roles, settings, clock):
        lag = settings.change_lag_seconds
        target = EmulatorSettings(
            tenant_id=TARGET, tenant_name="Fabrikam", seed=7, change_lag_seconds=lag, roles=roles, **CLIENT
        )
        self.cloud = EmulatedCloud([settings, target], clock)
        self._emulator = self.cloud[settings.tenant_id]

    def __getattr__(self, name):
        return getattr(self._emulator, name)

    @property
    def target(self):
        return self.cloud[TARGET]

    def handle(self, request):
        return self.cloud.handle(request)

    def transport(self):
        return self.cloud.transport()


@contextmanager
def two_tenants(directory, target_roles=ALL_ROLES, **settings):
    """A world whose source tenant signs in by the environment, and its subsidiary by FABRIKAM_…"""
    signs_in = {
        "FABRIKAM_AZURE_TENANT_ID": TARGET,
        "FABRIKAM_AZURE_CLIENT_ID": CLIENT["client_id"],
        "FABRIKAM_AZURE_CLIENT_SECRET": CLIENT["client_secret"],
    }
    settings = {"log_latency_seconds": 120.0, "entry_failure_share": 0.0} | settings
    with world(directory, partial(Home, target_roles), **settings) as made, add_prefect_variables(signs_in):
        yield made


class Subsidiary:
    """An instance of the fleet and its guests in the target; `given` as an apply would have noted it.

    Args:
        world: The tenants, which are reset.
        people: How many are assigned.
        started: Whether its job was started.
        seconds: How long ago that was.
        foreign: What others have set for the partner, on both sides.
        given: What an apply has noted, by side and field.
        secrets: Other settings of the job.
    """

    key = "fabrikam"

    def __init__(self, world, *, people=3, started=True, seconds=600, foreign=None, given=GIVEN, **secrets):
        world.reset()
        world.emulator.target.controls.reset()
        self.world, self.source, self.target = world, world.emulator, world.emulator.target
        self.source_id = self.source.settings.tenant_id
        self._allow(foreign, given)
        self._instantiate(secrets)
        users = [id_ for id_, user in self.source.tenant.people.users.items() if user["accountEnabled"]]
        world.run(self._assign(users[:people]))
        if started:
            self.source.controls.act_on_job(self.job.id, "start")
        self.source.controls.advance(seconds)
        self.forget()

    def _allow(self, foreign, given):
        for emulator, other, direction in self.sides:
            # Of what others have set there was a partner already.
            if foreign:
                emulator.controls.seed_partner(other, foreign)
            emulator.controls.seed_partner(other, {"automaticUserConsentSettings": {direction: True}})
        self.target.controls.set_identity_synchronization(self.source_id, True)
        with open_store(f"sqlite:///{self.world.store}") as store:
            for side, field in given:
                if foreign and field == "partner":
                    continue
                access = Access(self.source_id, "contoso", self.key, TARGET, side, field)
                store.given_access.intend(access, None)
                store.given_access.confirm(access)

    def _instantiate(self, secrets):
        tenant, now = self.source.tenant, self.source.clock.now()
        owner = next(iter(tenant.people.users))
        application, principal = tenant.directory.instantiate(tenant.gallery[TEMPLATE], self.key, None, owner, now)
        tenant.directory.patch(application, {"tags": [OwnershipTag("contoso", self.key).tag]}, now)
        self.principal_id, self.job = principal.id, tenant.jobs.create(principal, "Azure2Azure")
        settings = {"AuthenticationType": "SyncPolicy", "CompanyId": TARGET, "SyncAll": "false"} | secrets
        self.source.controls.edit_secrets(principal.id, settings)

    async def _assign(self, users):
        async with await graph_of(self.source) as graph:
            principal = await graph.service_principals.get(self.principal_id, select=("id", "appRoles"))
            for user in users:
                await graph.service_principals.assign(self.principal_id, user, principal.app_roles[0].id)

    @property
    def sides(self):
        """Each tenant with its partner, and whose consent it gives."""
        return ((self.source, TARGET, "outboundAllowed"), (self.target, self.source_id, "inboundAllowed"))

    @property
    def fleet(self):
        """Another instance, and this one as long as its policies are wanted."""
        mine = instance(self.key, TEMPLATE, credentials={}, scope="assigned")
        wanted = {"tenant_id": TARGET, "sign_in": "env:FABRIKAM", "users": True, "redeem": "automatic"}
        return fleet(instance("other"), mine | {"cross_tenant": wanted})

    def retire(self, **parameters):
        """Retire it, and return the outcome."""
        return self.world.run(self.world.doing(retire_instances, self.fleet, [self.key], **parameters))

    def guests(self):
        """The names of its guests."""
        return sorted(each["displayName"] for each in self.target.controls.guests(self.source_id))

    def partners(self):
        """The partners as both sides have them: the objects, and the synchronization of the target."""
        found = [emulator.tenant.partners.bodies.get(other) for emulator, other, _ in self.sides]
        return (*found, self.target.tenant.partners.synchronizations.get(self.source_id))

    def forget(self):
        self.world.forget()
        self._since = self.target.requests.sequence

    def writes(self):
        """What was written in the source."""
        return [each.operation for each in self.world.requests(writes=True)]

    def target_writes(self):
        """What was written in the target."""
        return [
            each.operation
            for each in self.target.requests
            if each.sequence > self._since and each.method != "GET" and each.path.startswith(("/v1.0/", "/beta/"))
        ]

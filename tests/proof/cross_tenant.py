"""A source tenant with its target tenants, and the fleet that synchronizes into them."""

from contextlib import contextmanager

import httpx

from flows.store import open_store
from graph_emulator import EmulatedCloud, EmulatorSettings
from tests.estates import QUICK, TENANT
from tests.proof.world import world as a_world

TEMPLATE = "Cross-tenant synchronization"
# What other people have set up for the same partner.
FOREIGN = {
    "inboundTrust": {
        "isMfaAccepted": True,
        "isCompliantDeviceAccepted": True,
        "isHybridAzureADJoinedDeviceAccepted": False,
    },
    "b2bCollaborationInbound": {
        "usersAndGroups": {"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "user"}]},
        "applications": None,
    },
    "tenantRestrictions": {"devices": None, "usersAndGroups": None, "applications": None},
}


def name_target(number):
    """The id of a target tenant."""
    return f"3f2c0000-0000-4000-8000-{number:012}"


def settings_of(number, **settings):
    """A target tenant and the application that signs in to it."""
    own = {
        "tenant_id": name_target(number),
        "tenant_name": f"Target {number}",
        "client_id": f"c11e0000-0000-4000-8000-{number:012}",
        "client_secret": f"secret-of-target-{number}",
    }
    return EmulatorSettings(**(QUICK | own | settings))


def variables_of(settings, number):
    """What signs in to a target tenant by the environment."""
    return {
        f"TARGET_{number}_AZURE_TENANT_ID": settings.tenant_id,
        f"TARGET_{number}_AZURE_CLIENT_ID": settings.client_id,
        f"TARGET_{number}_AZURE_CLIENT_SECRET": settings.client_secret,
    }


def one(number, **fields):
    """One instance, with a sign-in for its target."""
    cross_tenant = {"tenant_id": name_target(number), "sign_in": f"env:TARGET_{number}"}
    return {
        "key": f"target-{number}",
        "display_name": f"Target {number}",
        "cross_tenant": cross_tenant | fields.pop("cross_tenant", {}),
        **fields,
    }


def fleet_of(*instances, **fields):
    """A fleet that allows users and redeems automatically."""
    defaults = {
        "template": TEMPLATE,
        "scope": "assigned",
        "cross_tenant": {"users": True, "redeem": "automatic"},
    }
    return {
        "fleet": "subsidiaries",
        "tenant_id": TENANT,
        "defaults": defaults,
        "instances": list(instances),
    } | fields


@contextmanager
def cloud_world(directory, count, target=(), cloud=EmulatedCloud, **settings):
    """A world with several target tenants, all of which can be signed in to."""
    targets = [settings_of(number, **dict(target)) for number in range(count)]
    variables = {}
    for number, each in enumerate(targets):
        variables |= variables_of(each, number)
    with a_world(directory, targets=targets, variables=variables, cloud=cloud, **settings) as made:
        yield made


def policies_of(world):
    """The partner objects and identity synchronizations of every tenant, by tenant id."""
    return {
        each.settings.tenant_id: (each.tenant.partners.bodies, each.tenant.partners.synchronizations)
        for each in world.tenants
    }


def is_open(world, number):
    """Whether both tenants allow all that the fleet names."""
    target, source = world.cloud[name_target(number)].tenant.partners, world.emulator.tenant.partners
    consent = "automaticUserConsentSettings"
    inbound = target.bodies.get(TENANT, {}).get(consent, {}).get("inboundAllowed")
    outbound = source.bodies.get(name_target(number), {}).get(consent, {}).get("outboundAllowed")
    allowed = (target.synchronizations.get(TENANT, {}).get("userSyncInbound") or {}).get("isSyncAllowed")
    return (inbound, outbound, allowed) == (True, True, True)


def writes_of(world, since):
    """The operations that changed something in any tenant, after the given sequence numbers."""
    return [
        record.operation
        for tenant, first in zip(world.tenants, since, strict=True)
        for record in tenant.requests
        if record.sequence > first and record.method != "GET" and is_graph(record) and record.operation != "batch"
    ]


def is_graph(record):
    """Whether a request went to Graph."""
    return record.path.startswith(("/v1.0/", "/beta/"))


def mark(world):
    """Where the requests of every tenant are now."""
    return [tenant.requests.sequence for tenant in world.tenants]


def jobs_by_key(world):
    """The state of each job's schedule, by the key of its instance."""
    state = world.emulator.controls.state()
    tags = {
        each["id"]: [tag for tag in each["tags"] if tag.startswith("entra-fleet:")]
        for each in state["servicePrincipals"]
    }
    return {
        tags[principal][0].split(":")[2]: job["schedule"]["state"]
        for principal, jobs in state["jobs"].items()
        for job in jobs
        if tags[principal]
    }


class Fault:
    """Strikes the n-th request to Graph of all tenants together, before or after it is carried out."""

    def __init__(self, occurrence, effect, *, after_commit):
        self._left = occurrence
        self._effect = effect
        self._after_commit = after_commit
        self.struck = None

    async def __call__(self, request, graph):
        self._left -= 1
        if self._left:
            return await graph.handle_async_request(request)
        self.struck = f"{request.method} {request.url.path}"
        if self._after_commit:
            await graph.handle_async_request(request)
        if isinstance(self._effect, int):
            body = {"error": {"code": "UnknownError", "message": "a fault"}}
            return httpx.Response(self._effect, json=body, request=request)
        raise self._effect("a fault", request=request)


def requests_of(tenant, since):
    """The operations that Graph was asked for in one tenant, after a sequence number."""
    return [record.operation for record in tenant.requests if record.sequence > since and is_graph(record)]


def outcomes(result):
    return {each.key: each.outcome for each in result.instances}


def failures(result):
    return {each.key: each.failure.code for each in result.instances if each.failure}


def target(world, number):
    return world.cloud[name_target(number)]


def given(world, number, *, closed=False):
    """What the store says that was given, as side and field, and whether it was confirmed."""
    with open_store(f"sqlite:///{world.store}") as store:
        rows = store.given_access.of(TENANT, "subsidiaries", f"target-{number}")
    return {(each.access.side, each.access.field): bool(each.confirmed_at) for each in rows if each.is_open or closed}


TWO = fleet_of(one(0), one(1))
ALL_GIVEN = dict.fromkeys(
    [("target", "partner"), ("target", "users"), ("target", "redeem"), ("source", "partner"), ("source", "redeem")],
    True,
)


def assert_all_is_well(world, told=""):
    assert is_open(world, 0), told
    assert is_open(world, 1), told
    assert jobs_by_key(world) == {"target-0": "Active", "target-1": "Active"}, told
    applications = [each["displayName"] for each in world.emulator.controls.state()["applications"]]
    assert sorted(each for each in applications if each.startswith("Target")) == ["Target 0", "Target 1"], told
    for number in (0, 1):
        assert list(target(world, number).tenant.partners.bodies) == [TENANT], told
        assert given(world, number).keys() <= ALL_GIVEN.keys()
    assert set(world.emulator.tenant.partners.bodies) == {name_target(0), name_target(1)}, told


def assert_in_order(tenant):
    """No job was started before the credentials were validated."""
    validated = False
    for record in tenant.requests:
        done = record.status < 400 or (record.fault or "").endswith("-after")
        validated = validated or (record.operation == "validate_credentials" and done)
        assert validated or record.operation != "start_job"

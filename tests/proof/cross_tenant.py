"""A source tenant with its target tenants, and the fleet that synchronizes into them."""

from contextlib import contextmanager

import httpx

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

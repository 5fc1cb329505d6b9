"""A target system for the tests: scim2-server behind the embedded tenant, healthy or with one fault."""

import base64
import json

from flows.target.address import AddressGuard
from flows.target.http import TargetHttp, TargetLimits
from flows.target.targets import Target, check_targets
from graph_client import GraphSettings
from graph_emulator import Emulator, EmulatorSettings
from graph_emulator.wire.problems import Request

ADDRESS = "https://localhost/scim/one"
TOKEN = "good-t0k3n-of-one"
RULES = (
    "reachable",
    "authorized",
    "content-type",
    "empty-result",
    "filter",
    "groups",
    "ids",
    "totals",
    "paging",
    "patch-dialect",
    "token-expiry",
)


def user(number, **fields):
    """A user as Entra ID creates one."""
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": f"user{number}@contoso.example",
        "externalId": f"external-{number}",
        "active": True,
        "emails": [{"type": "work", "value": f"user{number}@mail.example", "primary": True}],
        **fields,
    }


def write(emulator, path, resource, token=TOKEN):
    """Create a resource in a target, as provisioning does."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/scim+json"}
    answer = emulator.handle(Request("POST", f"/scim/one/{path}", "", headers, json.dumps(resource).encode()))
    assert answer.status == 201, answer


def serving(fault=None, users=3, groups=1, clock=None, **settings):
    """An emulator whose target `one` has users and groups, and from now on this fault."""
    emulator = Emulator(EmulatorSettings(**settings), clock)
    for number in range(users):
        write(emulator, "Users", user(number))
    for number in range(groups):
        schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"]
        write(emulator, "Groups", {"schemas": schemas, "displayName": f"group {number}"})
    server = emulator.tenant.scim.server("one")
    server.fault = fault
    server.log.clear()
    return emulator


def target(address=ADDRESS, token=TOKEN, keys=("one",), **fields):
    return Target(address, address, token, keys, **fields)


async def checks(emulator, *targets, limits=None, guard=None, transport=None, **options):
    """The verdicts about targets, asked in this process."""
    async with TargetHttp(
        GraphSettings(),
        guard or AddressGuard(),
        limits or TargetLimits(seconds=5),
        transport=transport or emulator.transport(),
        **options,
    ) as http:
        return await check_targets(http, targets or [target()])


def faults(found):
    """What is not fine, as rule and verdict."""
    return {each.rule: each.verdict for each in found if each.verdict != "fine"}


def jwt(**claims):
    """A token that says something about itself; signed by nobody."""

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"

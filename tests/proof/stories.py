"""What faults are thrown into, and how the tenant must be once it has been repeated in peace."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from flows.control_jobs import control_jobs
from flows.retire import retire_instances
from flows.rotate import rotate_certificates, rotate_credentials
from tests.estates import AWS, DATABRICKS, fleet, instance
from tests.mappings.schemas import mappings
from tests.proof.world import World


@dataclass(frozen=True)
class Story:
    """What the tenant is like before, what is done to it, and the state each job must be in afterwards."""

    prepare: Callable[[World], None]
    act: Callable[[World], Coroutine[Any, Any, Any]]
    states: dict[str, str]
    settles: bool = True
    """Whether doing it once more changes nothing."""


def _ids(world, kind):
    return [each["id"] for each in world.emulator.controls.state()[kind]]


def _first(world):
    users = _ids(world, "users")
    some = [{"user": users[0]}, {"group": _ids(world, "groups")[0], "role": "User"}]
    return [
        instance("box", notes="first"),
        instance("bricks", DATABRICKS, scope="assigned", delete_threshold=9, assignments=some, owners=[users[3]]),
        instance("aws", AWS),
    ]


def _new(world):
    return fleet(*_first(world))


def _make(world):
    world.apply(_new(world))


def _make_and_meddle(world):
    """All is running; then one job is paused in the portal, and one gets into quarantine."""
    outcome = world.apply(fleet(*_first(world), instance("halted"), instance("held")))
    jobs = {each.key: each.job_id for each in outcome.instances}
    world.emulator.controls.act_on_job(jobs["halted"], "pause")
    world.emulator.controls.quarantine(jobs["held"])


def _make_and_pause(world):
    _make(world)
    world.run(world.doing(control_jobs, _new(world), "pause"))


def _change(world):
    users = _ids(world, "users")
    box, bricks, aws = _first(world)
    more = [*bricks["assignments"], {"user": users[1]}]
    wanted = fleet(
        box,
        bricks | {"key": "dbx", "renamed_from": "bricks", "assignments": more, "owners": [users[3], users[4]]},
        aws | {"job": "paused"},
        instance("halted", display_name="App of another name", notes="second", delete_threshold=7),
        instance("held", notes="second"),
    )
    return world.applying(wanted)


def _take_away(world):
    box, bricks, aws = _first(world)
    others = [{"user": _ids(world, "users")[7]}]
    return world.applying(fleet(box, bricks | {"assignments": others, "assignments_mode": "exact"}, aws))


def _map(world):
    box, bricks, aws = _first(world)
    rows = {"title": {"expression": "Trim([jobTitle])"}, "nickName": {"attribute": "mail", "when": "on create"}}
    mapped = mappings(rows).to_object()
    return world.applying(fleet(box | {"mappings": mapped}, bricks, aws, instance("new", mappings=mapped)))


PROVIDER = "arn:aws:iam::111122223333:saml-provider/Entra"
SSO = {
    "identifiers": ["https://signin.aws.amazon.com/saml#{key}"],
    "reply_urls": ["https://signin.aws.amazon.com/saml/{key}"],
    "relay_state": "https://{key}.example/start",
    "notification_emails": ["saml@contoso.example"],
    "roles": [{"name": "Admin", "value": f"arn:aws:iam::111122223333:role/Admin,{PROVIDER}"}],
}


CLAIMS = {
    "name": "aws",
    "definition": {
        "ClaimsMappingPolicy": {
            "Version": 1,
            "IncludeBasicClaimSet": "true",
            "ClaimsSchema": [
                {
                    "Source": "user",
                    "ID": "mail",
                    "SamlClaimType": "https://aws.amazon.com/SAML/Attributes/RoleSessionName",
                }
            ],
        }
    },
}


def _sign_on(world):
    box, bricks, aws = _first(world)
    admins = [{"group": _ids(world, "groups")[1], "role": "Admin"}]
    whole = SSO | {"claims": CLAIMS}
    one = instance("one", AWS, sso=whole, assignments=admins)
    return world.applying(fleet(box, bricks, aws | {"sso": whole}, one))


def _rotate_certificates(world):
    box, bricks, aws = _first(world)
    wanted = fleet(box, bricks, aws | {"sso": SSO}, instance("one", AWS, sso=SSO))
    # The next certificate is due at once.
    wanted["instances"][2]["sso"] = SSO | {"certificate": {"years": 3, "renew_before": "1200d"}}
    return world.doing(rotate_certificates, wanted, ["renew"])


def _retire(world, **parameters):
    return world.doing(retire_instances, _new(world), ["bricks", "aws"], **parameters)


ALL = dict.fromkeys(["box", "bricks", "aws"], "Active")
STORIES = {
    "create": Story(lambda world: None, lambda world: world.applying(_new(world)), ALL),
    "change": Story(
        _make_and_meddle,
        _change,
        {"box": "Active", "dbx": "Active", "aws": "Paused", "halted": "Paused", "held": "Quarantine"},
    ),
    "take away": Story(_make, _take_away, ALL),
    "map": Story(_make, _map, ALL | {"new": "Active"}),
    "rotate": Story(
        _make, lambda world: world.doing(rotate_credentials, _new(world), ["box", "aws"]), ALL, settles=False
    ),
    "pause": Story(_make, lambda world: world.doing(control_jobs, _new(world), "pause"), dict.fromkeys(ALL, "Paused")),
    "start": Story(_make_and_pause, lambda world: world.doing(control_jobs, _new(world), "start"), ALL),
    "restart": Story(_make, lambda world: world.doing(control_jobs, _new(world), "restart"), ALL, settles=False),
    "sign on": Story(_make, _sign_on, ALL | {"one": "Active"}),
    "renew": Story(lambda world: world.run(_sign_on(world)), _rotate_certificates, ALL | {"one": "Active"}),
    "retire": Story(_make, _retire, {"box": "Active"}),
    "purge": Story(_make, lambda world: _retire(world, purge=True), {"box": "Active"}),
}

_IN_EVERY_RUN = {"create", "change", "retire"}
IN_TURN = [pytest.param(each, marks=[] if each in _IN_EVERY_RUN else pytest.mark.long) for each in STORIES]

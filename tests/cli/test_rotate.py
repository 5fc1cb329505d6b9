import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.estates import fleet, instance
from tests.target.scim import jwt

VARIABLES = {"TOKEN": "a good token"}


@pytest.fixture
def server():
    return {"PREFECT_API_URL": ""}


def test_a_credential_that_was_revoked_is_found_and_rotated(entra_fleet, tenant, write_fleet, server):
    path = write_fleet(fleet(instance("one"), instance("two")))
    assert entra_fleet("apply", path, "--yes", **VARIABLES, **server).code == 0
    tenant.emulator.controls.reject_secret(VARIABLES["TOKEN"])
    tenant.emulator.controls.advance(7200)
    tenant.forget()

    result = entra_fleet("monitor", path, **server)
    assert result.code == 1
    assert f"Renew them, then: entra-fleet rotate {path} --only one\n" in result.err

    renewed = {"TOKEN": "a renewed good token", **server}
    result = entra_fleet("rotate", path, "--only", "one", "--only", "two", "--yes", "--output", "json", **renewed)
    said = json.loads(result.out)
    assert (result.code, said["fleet"], said["summary"]) == (0, "contoso", {"rotated": 2, "failed": 0})
    assert [(each["key"], each["outcome"], each["error"]) for each in said["instances"]] == [
        ("one", "rotated", None),
        ("two", "rotated", None),
    ]
    for key in ("one", "two"):
        assert f"The job of {key} is in quarantine" in result.err
        assert f"entra-fleet jobs restart {path} --only {key}\n" in result.err

    rejected = {"TOKEN": "a wrong token", **server}
    result = entra_fleet("rotate", path, "--only", "one", "--yes", **rejected)
    assert result.code == 1
    assert "contoso: 1 failed; " in result.out
    assert "one failed at validate-credentials:\n" in result.err
    assert "Traceback" not in result.err
    assert len(tenant.requests("put_secrets")) == 2


def test_the_end_of_a_token_is_shown_when_it_is_rotated_and_warned_of(entra_fleet, tenant, write_fleet, server):
    path = write_fleet(fleet(instance("one")))
    now = datetime.now(UTC)
    old, new = (now + timedelta(days=days, hours=1) for days in (90, 2))
    assert entra_fleet("apply", path, "--yes", **server, TOKEN=jwt(exp=int(old.timestamp()))).code == 0
    result = entra_fleet("rotate", path, "--only", "one", "--yes", **server, TOKEN=jwt(exp=int(new.timestamp())))
    shown = f"one: the token ends on {new:%Y-%m-%d}; the one before ended on {old:%Y-%m-%d}\n"
    assert (result.code, shown in result.out) == (0, True)
    result = entra_fleet("monitor", path, "--output", "json", **server, TOKEN="")
    said = json.loads(result.out)
    # By the calendar: an hour more may be another day.
    days = (new.date() - now.date()).days
    assert said["expiring"] == [{"key": "one", "on": f"{new:%Y-%m-%d}", "days": days, "urgency": "urgent"}]
    assert f"{new:%Y-%m-%d}, in {days} days" in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing option '--only'"),
        (["--only", "nope", "--yes"], "instance nope"),
        (["--only", "one"], "--yes"),
    ],
    ids=["no key", "unknown key", "no terminal"],
)
def test_what_cannot_be_asked_is_a_usage_error(entra_fleet, write_fleet, arguments, said):
    result = entra_fleet("rotate", write_fleet(fleet(instance("one"))), *arguments)
    assert (result.code, result.out) == (2, "")
    assert said in result.err

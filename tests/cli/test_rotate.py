import json

import pytest

from tests.estates import fleet, instance

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
    assert "The credentials of one do not work any more (" in result.err
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
    assert "one failed at validate-credentials:\nThe target system rejected the credentials of one" in result.err
    assert "Nothing was saved, and the job keeps its current credentials." in result.err
    assert "Traceback" not in result.err
    assert len(tenant.requests("put_secrets")) == 2


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

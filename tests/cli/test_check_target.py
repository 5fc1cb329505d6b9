"""`check --target`: asks the target systems of a fleet, and only then."""

import json

import pytest

from graph_emulator.wire.problems import Request
from tests.estates import NON_GALLERY, estate, fleet, instance
from tests.target.scim import RULES

TOKEN = "good-t0k3n-of-all"


@pytest.fixture
def check(entra_fleet, write_fleet):
    """Checks a fleet, and returns the outcome."""

    def run(document, *options, **variables):
        return entra_fleet("check", write_fleet(document), *options, **{"TOKEN": TOKEN, **variables})

    return run


def at(served, *keys, **fields):
    """A fleet of custom applications, whose targets run in the tenant."""
    # Its first server takes a while to import, which would count as a slow answer.
    served.emulator.tenant.scim.server(keys[0])
    return fleet(*(each(served, key, **fields) for key in keys))


def each(served, key, path=None, **fields):
    credentials = {"BaseAddress": f"{served.served.url}/scim/{path or key}", "SecretToken": "${env:TOKEN}"}
    return instance(key, NON_GALLERY, credentials=credentials, **fields)


def asked(served):
    return [record for record in served.emulator.requests if record.path.startswith("/scim/")]


def verdicts(result):
    return [one for one in json.loads(result.out)["checks"] if one["check"] == "target"]


def test_without_the_option_no_target_is_asked(tenant, check):
    assert check(at(tenant, "one")).code == 0
    assert asked(tenant) == []


def test_a_healthy_target_in_json_and_as_text(tenant, check):
    result = check(at(tenant, "one"), "--target", "--output", "json")
    found = verdicts(result)
    assert [one["rule"] for one in found] == list(RULES)
    address = f"{tenant.served.url}/scim/one"
    assert {(one["target"], one["verdict"], one["ok"], one["hint"]) for one in found} == {(address, "fine", True, "")}
    assert all(set(one) == {"check", "target", "rule", "verdict", "ok", "message", "hint"} for one in found)
    assert (result.code, {record.method for record in asked(tenant)}) == (0, {"GET"})
    text = check(at(tenant, "one"), "--target")
    assert f"ok     target      {address}: 11 rules fine\n" in text.out
    assert text.code == 0


def test_a_blocker_fails_the_check_and_a_warning_does_not(tmp_path, check):
    with estate(tmp_path / "tenant", profile="string-totals") as tenant:
        result = check(at(tenant, "one"), "--target")
        assert f"FAILED target      {tenant.served.url}/scim/one: totals: " in result.out
        assert result.code == 1
        tenant.emulator.tenant.scim.server("one").fault = "plain-json"
        result = check(at(tenant, "one"), "--target")
        assert f"warn   target      {tenant.served.url}/scim/one: content-type: " in result.out
        assert result.code == 0


def test_each_distinct_target_is_asked_once_and_the_rest_is_counted(tenant, check):
    shared = [each(tenant, f"k{number}", f"t{number % 4}") for number in range(20)]
    result = check(fleet(*shared, instance("box")), "--target", "--output", "json")
    assert len({one["target"] for one in verdicts(result)}) == 4
    by_path = {}
    for record in asked(tenant):
        name = record.path.split("/")[2]
        by_path[name] = by_path.get(name, 0) + 1
    # None has a user: the search for nobody, the list, a search by externalId, and two of groups.
    assert by_path == {f"t{number}": 5 for number in range(4)}
    (summary,) = [one for one in json.loads(result.out)["checks"] if one["check"] == "targets"]
    assert summary["message"] == "4 to ask, for 20 of 21 instances"
    assert "box" in summary["hint"]


def test_another_token_makes_another_target(tenant, check):
    two = each(tenant, "two", "one") | {
        "credentials": {"BaseAddress": f"{tenant.served.url}/scim/one", "SecretToken": "${env:OTHER}"}
    }
    result = check(fleet(each(tenant, "one"), two), "--target", "--output", "json", OTHER="wrong-token")
    assert [one["verdict"] for one in verdicts(result) if one["rule"] == "authorized"] == ["fine", "blocker"]


def test_only_the_instances_asked_for_are_looked_at(tenant, check):
    check(at(tenant, "one", "two"), "--target", "--only", "two")
    assert {record.path.split("/")[2] for record in asked(tenant)} == {"two"}


def test_plain_http_is_refused_unless_it_is_this_machine_and_was_asked_for(tenant, check):
    def reach(address, *options):
        credentials = {"BaseAddress": address, "SecretToken": "${env:TOKEN}"}
        document = fleet(instance("one", NON_GALLERY, credentials=credentials))
        found, *_ = verdicts(check(document, "--target", *options, "--output", "json"))
        return found["rule"], found["verdict"], found["message"]

    for address, options in (("http://127.0.0.1:9/scim", ()), ("http://example.net/scim", ("--plain-http",))):
        rule, verdict, message = reach(address, *options)
        assert (rule, verdict, "plain http" in message) == ("reachable", "blocker", True)
    rule, verdict, message = reach("http://127.0.0.1:9/scim", "--plain-http")
    assert (rule, verdict, "plain http" in message) == ("reachable", "blocker", False)


@pytest.mark.parametrize("options", [["--plain-http"], ["--target", "--reading-only"]])
def test_options_that_do_not_go_together(check, options):
    assert check(fleet(instance("one")), *options).code == 2


def test_an_address_behind_a_reference_is_not_shown(tenant, check):
    credentials = {"BaseAddress": "${env:ADDRESS}", "SecretToken": "${env:TOKEN}"}
    document = fleet(instance("one", NON_GALLERY, credentials=credentials))
    address = f"{tenant.served.url}/scim/hidden-name"
    result = check(document, "--target", "--output", "json", ADDRESS=address)
    assert {one["target"] for one in verdicts(result)} == {"${env:ADDRESS}"}
    assert "hidden-name" not in result.out + result.err
    assert len(asked(tenant)) == 5


def test_a_certificate_that_is_not_trusted_is_told(tenant, check):
    result = check(at(tenant, "one"), "--target", "--output", "json", SSL_CERT_FILE="", AZURE_CLIENT_ID="")
    ((rule, verdict),) = [(one["rule"], one["verdict"]) for one in verdicts(result) if one["verdict"] != "fine"]
    assert (rule, verdict) == ("reachable", "blocker")
    assert asked(tenant) == []


def test_credentials_of_a_code_grant_are_pointed_out(tenant, check):
    credentials = {"Oauth2RefreshToken": "${env:TOKEN}", "SecretToken": "${env:TOKEN}"}
    result = check(fleet(instance("one", credentials=credentials), instance("two")), "--output", "json")
    (found,) = [one for one in json.loads(result.out)["checks"] if one["check"] == "code-grant"]
    assert (found["ok"], "one" in found["message"], "two" in found["message"]) == (True, True, False)
    assert "SecretToken" in found["hint"]
    assert tenant.emulator.handle(Request("GET", "/scim/one/Users")).status == 401

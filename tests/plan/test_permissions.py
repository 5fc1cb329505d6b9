"""What a fleet file needs of Graph, and what a token lacks of it."""

import pytest

from flows.fleet_file.loader import fleet_from_object
from flows.plan.preflight import check_permissions, check_quota, find_needed_permissions
from graph_client import TokenClaims
from graph_client.hints import needed
from graph_emulator.handlers.router import Router, split_path
from graph_emulator.handlers.routes import ROUTES
from tests.estates import fleet, instance

SOMEBODY = "11111111-1111-1111-1111-111111111111"
CLAIMS = {"claims": {"name": "aws", "definition": {"ClaimsMappingPolicy": {"Version": 1}}}}
CROSS_TENANT = {
    "key": "target",
    "display_name": "Target",
    "template": "Cross-tenant synchronization",
    "cross_tenant": {"tenant_id": SOMEBODY, "redeem": "automatic"},
}
EVERYTHING = instance("one", owners=[SOMEBODY], assignments=[{"group": SOMEBODY}], sso=CLAIMS)


def needs(*instances, **options):
    return find_needed_permissions(fleet_from_object(fleet(*instances)).instances, **options)


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ({}, []),
        ({"owners": [SOMEBODY]}, ["add owners"]),
        ({"assignments": [{"user": SOMEBODY}]}, ["assign users and groups"]),
        ({"sso": {}}, []),
        ({"sso": CLAIMS}, ["set claims policies"]),
    ],
)
def test_what_one_instance_speaks_of_the_fleet_needs(fields, more):
    found = [need.purpose for need in needs(instance("plain"), instance("one", **fields))]
    assert found[5:] == more
    assert [need.commands for need in needs(instance("one", **fields), reading_only=True)] == [
        "plan, monitor, harvest",
        "plan, monitor",
        "harvest",
        *(["plan"] if fields.get("sso") else []),
    ]


@pytest.mark.parametrize(
    "call", [call for need in needs(EVERYTHING, CROSS_TENANT) for call in need.calls], ids=" ".join
)
def test_the_embedded_tenant_wants_the_same_for_each_call(call):
    method, path = call
    route, _ = Router(ROUTES).find(method, split_path(path))
    assert {frozenset(group) for group in needed(method, path)} == set(route.permission)


def test_policies_about_targets_are_needed_only_with_targets():
    assert [need.purpose for need in needs(CROSS_TENANT) if "target tenants" in need.purpose] == [
        "read the policies about target tenants",
        "set the policies about target tenants",
    ]
    assert [need.commands for need in needs(CROSS_TENANT, reading_only=True)][-1] == "plan"
    assert not any("target tenants" in need.purpose for need in needs(EVERYTHING))


def test_of_a_token_that_cannot_be_read_nothing_is_known_to_be_missing():
    (check,) = check_permissions(needs(EVERYTHING), TokenClaims())
    assert (check.ok, check.message) == (True, "the token does not show its permissions")


def test_a_large_fleet_is_told_of_the_quota():
    assert check_quota(125) == []
    (warning,) = check_quota(126)
    assert (warning.ok, warning.message) == (True, "126 instances are 252 directory objects")
    assert "limit an application to 250" in warning.hint

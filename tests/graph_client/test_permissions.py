"""The permission table."""

import pytest

from graph_client.hints import missing, needed

JOBS = "/servicePrincipals/1/synchronization/jobs"


@pytest.mark.parametrize(
    ("method", "path", "first"),
    [
        ("GET", "/applicationTemplates", []),
        ("GET", "/applicationTemplates/1", []),
        ("POST", "/applicationTemplates/1/instantiate", ["Application.ReadWrite.All"]),
        ("GET", "/applications", ["Application.Read.All"]),
        ("GET", "/servicePrincipals/1", ["Application.Read.All"]),
        ("GET", "/servicePrincipals/1/appRoleAssignedTo", ["Application.Read.All"]),
        ("PATCH", "/applications/1", ["Application.ReadWrite.All"]),
        ("DELETE", "/servicePrincipals/1", ["Application.ReadWrite.All"]),
        ("POST", "/servicePrincipals/1/appRoleAssignedTo", ["AppRoleAssignment.ReadWrite.All", "Application.Read.All"]),
        ("POST", "/servicePrincipals/1/owners/$ref", ["Application.ReadWrite.All", "Directory.Read.All"]),
        ("GET", "/servicePrincipals/1/synchronization/templates", ["Synchronization.Read.All"]),
        ("GET", "/servicePrincipals/1/synchronization/secrets", ["Synchronization.ReadWrite.All"]),
        ("GET", JOBS, ["Synchronization.Read.All"]),
        ("GET", f"{JOBS}/1/schema", ["Synchronization.Read.All"]),
        ("POST", JOBS, ["Synchronization.ReadWrite.All"]),
        ("POST", f"{JOBS}/1/start", ["Synchronization.ReadWrite.All"]),
        ("POST", f"{JOBS}/validateCredentials", ["Synchronization.ReadWrite.All"]),
        ("POST", f"{JOBS}/1/schema/directories/2/discover", ["Application.ReadWrite.OwnedBy"]),
        ("PUT", "/servicePrincipals/1/synchronization/secrets", ["Synchronization.ReadWrite.All"]),
        ("GET", "/auditLogs/provisioning", ["ProvisioningLog.Read.All"]),
        ("GET", "/directory/deletedItems/microsoft.graph.application", ["Application.Read.All"]),
        ("DELETE", "/directory/deletedItems/1", ["Application.ReadWrite.All"]),
        ("GET", "/users", ["User.Read.All"]),
        ("GET", "/devices", []),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/v1.0", "/beta"])
def test_what_to_grant(method, path, first, prefix):
    assert [group[0] for group in needed(method, prefix + path)] == first


def test_paths_are_matched_whatever_their_case_and_query():
    assert needed("get", "/v1.0/SERVICEPRINCIPALS/1/Synchronization/Jobs/?$top=1") == needed("GET", JOBS)


def test_a_job_is_patched_with_one_permission_only():
    assert needed("PATCH", f"{JOBS}/1") == (("Synchronization.ReadWrite.All",),)


def test_any_permission_of_a_group_is_enough():
    assert missing("POST", JOBS, {"Application.ReadWrite.OwnedBy"}) == ()
    assert missing("POST", JOBS, {"Synchronization.Read.All"}) == ("Synchronization.ReadWrite.All",)


def test_one_permission_of_every_group_is_needed():
    path = "/servicePrincipals/1/appRoleAssignedTo"
    assert missing("POST", path, ()) == ("AppRoleAssignment.ReadWrite.All", "Application.Read.All")
    assert missing("POST", path, {"Application.ReadWrite.All"}) == ("AppRoleAssignment.ReadWrite.All",)
    assert missing("POST", path, {"AppRoleAssignment.ReadWrite.All", "Directory.Read.All"}) == ()


def test_an_open_call_misses_nothing():
    assert missing("GET", "/applicationTemplates", ()) == ()


@pytest.mark.parametrize("path", ["/policies/claimsMappingPolicies", "/servicePrincipals/1/claimsMappingPolicies/$ref"])
def test_a_claims_mapping_policy_needs_a_permission_of_its_own(path):
    assert missing("POST", path, {"Application.ReadWrite.All"}) == ("Policy.ReadWrite.ApplicationConfiguration",)

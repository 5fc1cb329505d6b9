"""What holds of a tenant whatever happened to the runs before, as read from its state and its log of requests."""

import base64
import hashlib
from collections import Counter


def assert_one_application_a_key(tenant, keys, fleet="contoso"):
    """Each key has one application under its own name, and nothing else bears a mark of ours."""
    found = {mark: len(applications) for mark, applications in tenant.applications().items() if "entra-fleet:" in mark}
    assert found == {f"entra-fleet:{fleet}:{key}": 1 for key in keys}


def assert_one_job_each(tenant):
    """Each service principal of ours has one job, and no job is anywhere else."""
    state = tenant.emulator.controls.state()
    ours = {each["id"] for each in state["servicePrincipals"] if any("entra-fleet:" in tag for tag in each["tags"])}
    assert {principal: len(jobs) for principal, jobs in tenant.jobs().items() if jobs} == dict.fromkeys(ours, 1)


def assert_in_order(tenant):
    """Nothing was started before its credentials were validated, and then saved."""
    for operations in tenant.operations_by_principal().values():
        if "start_job" not in operations:
            continue
        before = operations[: operations.index("start_job")]
        assert "put_secrets" in before, operations
        assert any(each.startswith("validate") for each in before[: before.index("put_secrets")]), operations


def assert_nothing_twice(tenant):
    """Nobody was assigned or made an owner twice."""
    state = tenant.emulator.controls.state()
    for assignments in state["assignments"].values():
        assert max(Counter((each["principalId"], each["appRoleId"]) for each in assignments).values(), default=0) <= 1
    for owners in state["owners"].values():
        assert max(Counter(owners).values(), default=0) <= 1


def assert_token_stayed_home(world):
    """No other host than Graph's was asked for anything."""
    assert world.hosts <= {"localhost"}


def assert_one_certificate_a_subject(tenant):
    """No certificate was added twice, and none was lost that is to sign."""
    for principal in tenant.emulator.controls.state()["servicePrincipals"]:
        public = [each for each in principal["keyCredentials"] if each["usage"] == "Verify"]
        assert max(Counter(each["displayName"] for each in public).values(), default=0) <= 1
        preferred = principal["preferredTokenSigningKeyThumbprint"]
        assert preferred is None or preferred in {thumbprint_of(each) for each in public}


def thumbprint_of(credential):
    return hashlib.sha1(base64.b64decode(credential["key"])).hexdigest().upper()


def assert_one_policy_a_name(tenant):
    """No claims policy was created twice."""
    names = [each["displayName"] for each in claims_policies(tenant)]
    assert len(names) == len(set(names))


def claims_policies(tenant):
    """The claims policies of the tenant, lagging replicas aside."""
    return list(tenant.emulator.tenant.policies["claimsMappingPolicies"].all(0, float("inf")))

"""Every hint, and what counts as "not yet" or as a stale token."""

import pytest

from graph_client.hints import Refusal, hint_for, is_not_yet, is_stale_token

SP = "/v1.0/servicePrincipals/1"
SYNC = f"{SP}/synchronization/jobs"


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "message", "expected"),
    [
        ("POST", SYNC, 403, "Directory_QuotaExceeded", "", "250 directory objects"),
        ("PATCH", SP, 400, "Directory_QuotaExceeded", "", "250 directory objects"),
        ("PATCH", SP, 400, "x", "'1' does not reference a valid application object.", "not replicated yet"),
        (
            "POST",
            f"{SP}/appRoleAssignedTo",
            400,
            "Request_BadRequest",
            "Permission being assigned already exists on the object",
            "already exists",
        ),
        ("POST", f"{SYNC}/validateCredentials", 400, "BadRequest", "no", "target system rejected"),
        ("PUT", SYNC, 400, "SystemForCrossDomainIdentityManagementCredentialValidationFailure", "", "target system"),
        ("GET", SP, 401, "InvalidAuthenticationToken", "expired", "tenant, clock"),
        ("GET", SYNC, 401, "UnknownError", "", "Synchronization.Read.All"),
        ("POST", SYNC, 401, "UnknownError", "", "Synchronization.ReadWrite.All"),
        ("POST", SYNC, 401, "UnknownError", "", "owns the service principal"),
        ("GET", SP, 401, "Other", "", "tenant, cloud and permissions"),
        ("GET", SP, 403, "Authorization_RequestDenied", "", "Application.Read.All"),
        ("POST", f"{SP}/appRoleAssignedTo", 403, "x", "", "AppRoleAssignment.ReadWrite.All and Application.Read.All"),
        ("GET", "/v1.0/auditLogs/provisioning", 403, "x", "", "ProvisioningLog.Read.All"),
        ("GET", "/v1.0/auditLogs/provisioning", 403, "x", "", "P1 or P2"),
        ("GET", "/v1.0/auditLogs/directoryAudits", 403, "x", "", "AuditLog.Read.All"),
        (
            "GET",
            "/v1.0/auditLogs/provisioning",
            403,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "",
            "ProvisioningLog.Read.All and Directory.Read.All",
        ),
        ("GET", SP, 403, "Authentication_ApplicationHasNoDirectoryReadAccess", "", "Directory.Read.All"),
        ("GET", "/v1.0/devices", 403, "x", "", "lacks a permission"),
        ("GET", "/v1.0/users", 403, "x", "", "User.Read.All"),
        ("GET", SP, 404, "Directory_ObjectNotFound", "", "wrong tenant or cloud"),
        ("GET", SYNC + "/1", 404, "ResourceNotFound", "", "not the appId"),
        ("GET", SP, 404, "Request_ResourceNotFound", "", "object id"),
        ("PATCH", SP, 409, "Directory_ConcurrencyViolation", "", "try again"),
        ("PATCH", SP, 409, "Request_MultipleObjectsWithSameKeyValue", "", "read it again"),
        ("GET", SP, 429, "TooManyRequests", "", "wait 2.5 s"),
        ("GET", SP, 500, "", "", "fault in Graph"),
        ("GET", SP, 504, "", "", "fault in Graph"),
    ],
)
def test_the_hint_names_what_to_do(method, path, status, code, message, expected):
    hint = hint_for(Refusal(method, path, status, code, message), retry_after_seconds=2.5)
    assert expected in hint
    assert "\n" not in hint


def test_some_answers_need_no_hint():
    assert hint_for(Refusal("PATCH", SP, 400, "Request_BadRequest", "Invalid value")) is None
    assert hint_for(Refusal("PATCH", SP, 412, "", "")) is None


def test_the_quota_hint_does_not_send_people_to_a_permission():
    assert "grant" not in hint_for(Refusal("POST", SYNC, 403, "Directory_QuotaExceeded", ""))


@pytest.mark.parametrize(
    ("path", "status", "code", "message", "expected"),
    [
        (SP, 404, "Request_ResourceNotFound", "", True),
        (SYNC, 404, "", "", True),
        (SP, 404, "Directory_ObjectNotFound", "", False),
        (SP, 400, "Request_BadRequest", "x does not reference a valid application object y", True),
        (SP, 400, "Request_BadRequest", "wrong", False),
        (SYNC, 403, "Authorization_RequestDenied", "", True),
        (SP, 403, "Authorization_RequestDenied", "", False),
        (SYNC, 403, "Directory_QuotaExceeded", "", False),
        (SYNC, 409, "Conflict", "", True),
        (SP, 409, "Directory_ConcurrencyViolation", "", True),
        (SP, 409, "Request_MultipleObjectsWithSameKeyValue", "", False),
        (SYNC, 401, "UnknownError", "", True),
        (SYNC, 401, "InvalidAuthenticationToken", "", False),
        (SYNC, 401, "CredentialValidationUnavailable", "", False),
        (SP, 401, "UnknownError", "", False),
        (SP, 500, "", "", False),
    ],
)
def test_not_yet(path, status, code, message, expected):
    assert is_not_yet(Refusal("GET", path, status, code, message)) is expected


@pytest.mark.parametrize(
    ("path", "status", "code", "expected"),
    [
        (SP, 401, "InvalidAuthenticationToken", True),
        (SYNC, 401, "InvalidAuthenticationToken", True),
        (SP, 401, "", True),
        (SYNC, 401, "UnknownError", False),
        (SYNC, 401, "", False),
        (SP, 401, "Authorization_IdentityNotFound", False),
        (SP, 403, "InvalidAuthenticationToken", False),
    ],
)
def test_a_stale_token(path, status, code, expected):
    assert is_stale_token(Refusal("GET", path, status, code, "")) is expected

"""What Graph's error answers mean, and what to do about them: one line for an operator."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from graph_client.errors import GraphStatusError

__all__ = [
    "NOT_REPLICATED_TEXT",
    "Refusal",
    "find_validation_code",
    "hint_for",
    "is_bodyless_refusal",
    "is_lasting",
    "is_not_yet",
    "is_stale_token",
    "missing",
    "needed",
    "refusal_of",
    "says_unlicensed",
]


_APP_READ = (
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)
_APP_WRITE = ("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All")
_APPLICATION_WRITE = ("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy")
_SYNC_READ = ("Synchronization.Read.All", "Synchronization.ReadWrite.All", "Application.ReadWrite.OwnedBy")
_SYNC_WRITE = ("Synchronization.ReadWrite.All", "Application.ReadWrite.OwnedBy")
_DISCOVER = ("Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All")
_DIRECTORY_READ = ("Directory.Read.All", "Directory.ReadWrite.All")
_ASSIGN = ("AppRoleAssignment.ReadWrite.All",)
_USERS = ("User.Read.All", "User.ReadBasic.All", "Directory.Read.All", "Directory.ReadWrite.All")
_GROUP_MEMBERS = ("GroupMember.Read.All", "Group.Read.All", "Directory.Read.All")
_LOGS = ("ProvisioningLog.Read.All", "AuditLog.Read.All", "Directory.Read.All")
_POLICY_WRITE = ("Policy.ReadWrite.ApplicationConfiguration",)
_POLICY_READ = ("Policy.Read.All", "Policy.Read.ApplicationConfiguration", *_POLICY_WRITE)
# Reading is enough; the first is the one to grant, which creating a policy needs as well.
_POLICY_ASSIGN = (*_POLICY_WRITE, *_POLICY_READ)
_CROSS_TENANT_WRITE = ("Policy.ReadWrite.CrossTenantAccess",)
_CROSS_TENANT_READ = ("Policy.Read.All", *_CROSS_TENANT_WRITE)
_AUDITS = ("AuditLog.Read.All", "Directory.Read.All")


@dataclass(frozen=True, slots=True)
class _Row:
    method: str
    pattern: re.Pattern[str]
    # One permission from every group is needed; the first of a group is the one to grant.
    groups: tuple[tuple[str, ...], ...]


def _row(method: str, path: str, *groups: tuple[str, ...]) -> _Row:
    pattern = re.escape(path).replace(r"\{id\}", "[^/]+").replace(r"\*", ".*")
    return _Row(method, re.compile(pattern, re.IGNORECASE), groups)


_SYNC = "/servicePrincipals/{id}/synchronization"
# The first matching row decides.
_ROWS = (
    _row("GET", "/applicationTemplates*"),
    _row("POST", "/applicationTemplates/{id}/instantiate", _APP_WRITE),
    _row("POST", f"{_SYNC}/jobs/{{id}}/bulkUpload", ("SynchronizationData-User.Upload",)),
    _row("POST", f"{_SYNC}/jobs/{{id}}/schema/directories/{{id}}/discover", _DISCOVER),
    _row("PATCH", f"{_SYNC}/jobs/{{id}}", ("Synchronization.ReadWrite.All",)),
    # Not in Microsoft's table; we assume that reading masked secrets needs what writing them needs.
    _row("GET", f"{_SYNC}/secrets", _SYNC_WRITE),
    _row("GET", f"{_SYNC}/*/schema/functions*", _SYNC_WRITE),
    _row("GET", f"{_SYNC}/*/schema/filterOperators*", _SYNC_WRITE),
    _row("GET", "/{id}/{id}/synchronization*", _SYNC_READ),
    *(_row(method, "/{id}/{id}/synchronization*", _SYNC_WRITE) for method in ("POST", "PUT", "PATCH", "DELETE")),
    _row("GET", "/auditLogs/provisioning", _LOGS),
    _row("GET", "/auditLogs/directoryAudits", _AUDITS),
    _row("POST", "/servicePrincipals/{id}/appRoleAssignedTo", _ASSIGN, _APP_READ),
    _row("DELETE", "/servicePrincipals/{id}/appRoleAssignedTo/{id}", _ASSIGN, _APP_READ),
    _row("GET", "/policies/claimsMappingPolicies*", _POLICY_READ),
    *(_row(method, "/policies/claimsMappingPolicies*", _POLICY_WRITE) for method in ("POST", "PATCH", "DELETE")),
    _row("GET", "/servicePrincipals/{id}/claimsMappingPolicies", _APP_READ, _POLICY_READ),
    _row("POST", "/servicePrincipals/{id}/claimsMappingPolicies/$ref", _APP_WRITE, _POLICY_ASSIGN),
    _row("DELETE", "/servicePrincipals/{id}/claimsMappingPolicies/{id}/$ref", _APP_WRITE, _POLICY_ASSIGN),
    _row("GET", "/policies/crossTenantAccessPolicy*", _CROSS_TENANT_READ),
    *(
        _row(method, "/policies/crossTenantAccessPolicy*", _CROSS_TENANT_WRITE)
        for method in ("POST", "PUT", "PATCH", "DELETE")
    ),
    _row("POST", "/{id}/{id}/owners/$ref", _APP_WRITE, _DIRECTORY_READ),
    _row("GET", "/groups/{id}/members*", _GROUP_MEMBERS),
    _row("GET", "/users", _USERS),
    _row("GET", "/applications*", _APP_READ),
    _row("GET", "/servicePrincipals*", _APP_READ),
    _row("GET", "/directory/deletedItems*", _APP_READ),
    _row("DELETE", "/directory/deletedItems/{id}", _APPLICATION_WRITE),
    *(_row(method, "/applications*", _APPLICATION_WRITE) for method in ("POST", "PATCH", "DELETE")),
    *(_row(method, "/servicePrincipals*", _APP_WRITE) for method in ("POST", "PATCH", "DELETE")),
)
_VERSION = re.compile(r"^/(v1\.0|beta)(?=/)")


def needed(method: str, path: str) -> tuple[tuple[str, ...], ...]:
    """The permissions of a call: one from every group is needed; no groups for an unknown or open call."""
    path = _VERSION.sub("", path.split("?", maxsplit=1)[0].rstrip("/"))
    for row in _ROWS:
        if row.method == method.upper() and row.pattern.fullmatch(path):
            return row.groups
    return ()


def missing(method: str, path: str, roles: Collection[str]) -> tuple[str, ...]:
    """The permissions that a token with these roles lacks for this call; empty when it lacks none."""
    return tuple(group[0] for group in needed(method, path) if not set(group) & set(roles))


NOT_REPLICATED_TEXT = "does not reference a valid application object"
_ASSIGNED_TEXT = "permission being assigned already exists"
# Neither has a code of its own. The first was recorded for a start, the second is microsoftgraph/msgraph-sdk-go#980.
_BODYLESS_TEXTS = ("must contain the Content-Type header", "Empty Payload")
# In the outer code, a nested one, or the text: Graph has no single code for it.
_VALIDATION_CODE = re.compile(r"\w*CredentialValidation\w*", re.ASCII)
# Recorded for a validation with the key "baseAddress": an InternalError with status 500.
_UNKNOWN_KEY = re.compile("Requested value '[^']*' was not found", re.IGNORECASE)
_REFUSED_CREDENTIALS = (
    "the target system rejected the credentials, or could not be reached: check its address, user and secret"
)
_UNLICENSED = ("NonPremiumTenant", "ApplicationHasNoDirectoryReadAccess")
_OWNED_BY = "Application.ReadWrite.OwnedBy"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The parts of an error answer that decide what to do."""

    method: str
    path: str
    status: int
    code: str
    message: str

    @property
    def on_synchronization(self) -> bool:
        """Whether the call was one of the synchronization API, whose errors differ from the directory's."""
        return "/synchronization/" in self.path

    def says(self, text: str) -> bool:
        """Whether Graph's message contains a text; only for errors that have no code of their own."""
        return text.lower() in self.message.lower()


def refusal_of(error: GraphStatusError) -> Refusal:
    """The parts of an error that decide what to do."""
    return Refusal(error.verb or "", error.path or "", error.status or 0, error.code or "", error.message or "")


def is_bodyless_refusal(refusal: Refusal) -> bool:
    """Whether Graph's gateway refused a write because its body or content type was missing; nothing was done."""
    return refusal.status == 400 and any(map(refusal.says, _BODYLESS_TEXTS))


def find_validation_code(codes: Iterable[str], message: str) -> str | None:
    """The code that says that credentials could not be validated; None if the error is about something else.

    The longest code is the one that names the kind of target system.
    """
    return max(_VALIDATION_CODE.findall(" ".join((*codes, message))), key=len, default=None)


def is_lasting(refusal: Refusal) -> bool:
    """Whether a failure of the service is permanent: it does not know a key of the credentials."""
    return refusal.status == 500 and refusal.on_synchronization and bool(_UNKNOWN_KEY.search(refusal.message))


def is_not_yet(refusal: Refusal) -> bool:
    """Whether an object that is not replicated yet would explain this answer.

    https://learn.microsoft.com/graph/application-saml-sso-configure-api
    """
    # This code means that the whole directory is not found: a wrong tenant does not become right by waiting.
    if refusal.status == 404:
        return refusal.code != "Directory_ObjectNotFound"
    # The text alone distinguishes it: the code is that of every bad request.
    if refusal.status == 400:
        return refusal.says(NOT_REPLICATED_TEXT)
    if refusal.status == 403:
        # The synchronization service also says this of a principal that has not arrived; elsewhere a 403 is final.
        return refusal.on_synchronization and refusal.code != "Directory_QuotaExceeded"
    if refusal.status == 401:
        # The synchronization service says this for "not permitted", and for a principal it does not know yet.
        return refusal.on_synchronization and refusal.code == "UnknownError"
    if refusal.status == 409:
        return refusal.code != "Request_MultipleObjectsWithSameKeyValue"  # a taken name stays taken
    return False


def is_stale_token(refusal: Refusal) -> bool:
    """Whether a new token may resolve a 401; never when the synchronization API means "not permitted"."""
    if refusal.status != 401:
        return False
    if refusal.code == "InvalidAuthenticationToken":
        return True
    # There the same 401 denies a permission, and a new token would not help.
    return not refusal.code and not refusal.on_synchronization


def says_unlicensed(graph_code: str | None) -> bool:
    """Whether Graph found no licence: there is none, or the application may not read it.

    https://github.com/microsoftgraph/microsoft-graph-docs/issues/12537
    https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/4818
    """
    return any(word in (graph_code or "") for word in _UNLICENSED)


def hint_for(refusal: Refusal, retry_after_seconds: float | None = None) -> str | None:
    """What to do about an error answer."""
    if refusal.code == "Directory_QuotaExceeded":
        # Cause: `Directory_QuotaExceeded`
        return (
            "an app-only caller may be limited to 250 directory objects (deleted ones count for 30 days): "
            "purge deletedItems, or use another identity or an administrator's"
        )
    if find_validation_code((refusal.code,), refusal.message):
        # Cause: `CredentialValidation…` in a code, whatever the status; Graph has the same words for both reasons
        return _REFUSED_CREDENTIALS
    special = _BY_STATUS.get(refusal.status)
    if special is not None:
        return special(refusal)
    if refusal.status == 429:
        wait = f"wait {retry_after_seconds:g} s" if retry_after_seconds else "wait"
        # Cause: 429, more requests than Graph allows
        return f"{wait}, then continue with fewer concurrent requests"
    return _server_failed(refusal) if refusal.status >= 500 else None


def _server_failed(refusal: Refusal) -> str:
    if is_lasting(refusal):
        # Cause: 500 "Requested value '…' was not found" on credentials
        return "Graph does not know a key of the credentials; keys are case-sensitive"
    # Cause: 5xx
    return "a fault in Graph: try again later; if it persists, give Microsoft the request-id"


def _bad_request(refusal: Refusal) -> str | None:
    if refusal.says(NOT_REPLICATED_TEXT):
        # Cause: 400 "does not reference a valid application object"
        return "a new application is not replicated yet: try again in a minute"
    if refusal.says(_ASSIGNED_TEXT):
        # Cause: 400 "permission being assigned already exists"
        return "this assignment already exists"
    if "credential" in f"{refusal.code} {refusal.path}".lower():
        # Cause: 400 on credentials
        return _REFUSED_CREDENTIALS
    return None


def _unauthorized(refusal: Refusal) -> str | None:
    if refusal.code == "InvalidAuthenticationToken":
        # Cause: 401 `InvalidAuthenticationToken`
        return "the token was rejected: check tenant, clock, and that authority and Graph URL belong to one cloud"
    if refusal.on_synchronization:
        return _permission(refusal)
    # Cause: 401 on other paths
    return "check tenant, cloud and permissions of the signed-in application"


def _permission(refusal: Refusal) -> str | None:
    groups = needed(refusal.method, refusal.path)
    if not groups:
        # Cause: 403 on a path whose permission is not known
        return "the signed-in application lacks a permission or role for this call"
    grant = " and ".join(group[0] for group in groups)
    # Cause: 401 `UnknownError` on synchronization, 403 `Authorization_RequestDenied`
    text = f"grant the application permission {grant} with admin consent"
    if _OWNED_BY in groups[0][1:] and refusal.method != "GET":
        # Cause: on a change, in addition
        text += f"; {_OWNED_BY} is enough only if the caller owns the service principal"
    if refusal.path.endswith(("/auditLogs/provisioning", "/auditLogs/directoryAudits")):
        # Cause: 403 on the provisioning log and the audit log, in addition
        text += "; reading these logs needs Entra ID P1 or P2"
    return text


def _forbidden(refusal: Refusal) -> str | None:
    if says_unlicensed(refusal.code):
        reading = "Directory.Read.All"
        groups = needed(refusal.method, refusal.path)
        grant = f"{groups[0][0]} and {reading}" if groups and groups[0][0] != reading else reading
        # Cause: 403 `Authentication_RequestFromNonPremiumTenantOrB2CTenant` or
        # `Authentication_ApplicationHasNoDirectoryReadAccess`; licensed tenants whose application lacks
        # Directory.Read.All get this answer now and then, and the call was sent twice
        return (
            "this call needs Entra ID P1 or P2: the tenant lacks the licence, or the application may not see it; "
            f"check the licence, and grant the application permissions {grant} with admin consent"
        )
    return _permission(refusal)


def _not_found(refusal: Refusal) -> str | None:
    if refusal.code == "Directory_ObjectNotFound":
        # Cause: 404 `Directory_ObjectNotFound`
        return "wrong tenant or cloud for this token, or the directory is not ready"
    if refusal.on_synchronization:
        # Cause: 404 on synchronization
        return "check the job id and the service principal's object id (not the appId); new ones take minutes to appear"
    # Cause: 404 on other paths
    return "check the id (the object id, not the appId); new objects take a while to appear"


def _conflict(refusal: Refusal) -> str | None:
    if refusal.code == "Directory_ConcurrencyViolation":
        # Cause: 409 `Directory_ConcurrencyViolation`
        return "other changes are in progress: try again"
    # Cause: 409 `Request_MultipleObjectsWithSameKeyValue` and others
    return "it already exists or is being changed: read it again before you repeat the change"


_BY_STATUS = {
    400: _bad_request,
    401: _unauthorized,
    403: _forbidden,
    404: _not_found,
    409: _conflict,
}

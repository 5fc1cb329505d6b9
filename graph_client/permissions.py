"""Which application permissions a call needs.

https://learn.microsoft.com/graph/permissions-reference
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["missing", "needed"]

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


@dataclass(frozen=True, slots=True)
class _Row:
    method: str
    pattern: re.Pattern[str]
    # One permission of every group is needed; the first of a group is the one to grant.
    groups: tuple[tuple[str, ...], ...]


def _row(method: str, path: str, *groups: tuple[str, ...]) -> _Row:
    pattern = re.escape(path).replace(r"\{id\}", "[^/]+").replace(r"\*", ".*")
    return _Row(method, re.compile(pattern, re.IGNORECASE), groups)


_SYNC = "/servicePrincipals/{id}/synchronization"
# The first row that fits decides.
_ROWS = (
    _row("GET", "/applicationTemplates*"),
    _row("POST", "/applicationTemplates/{id}/instantiate", _APP_WRITE),
    _row("POST", f"{_SYNC}/jobs/{{id}}/bulkUpload", ("SynchronizationData-User.Upload",)),
    _row("POST", f"{_SYNC}/jobs/{{id}}/schema/directories/{{id}}/discover", _DISCOVER),
    _row("PATCH", f"{_SYNC}/jobs/{{id}}", ("Synchronization.ReadWrite.All",)),
    # Not in Microsoft's table; reading masked secrets is taken to need what writing them needs.
    _row("GET", f"{_SYNC}/secrets", _SYNC_WRITE),
    _row("GET", f"{_SYNC}/*/schema/functions*", _SYNC_WRITE),
    _row("GET", f"{_SYNC}/*/schema/filterOperators*", _SYNC_WRITE),
    _row("GET", "/{id}/{id}/synchronization*", _SYNC_READ),
    *(_row(method, "/{id}/{id}/synchronization*", _SYNC_WRITE) for method in ("POST", "PUT", "PATCH", "DELETE")),
    _row("GET", "/auditLogs/provisioning", _LOGS),
    _row("POST", "/servicePrincipals/{id}/appRoleAssignedTo", _ASSIGN, _APP_READ),
    _row("DELETE", "/servicePrincipals/{id}/appRoleAssignedTo/{id}", _ASSIGN, _APP_READ),
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
    """The groups of permissions of a call: one of every group; none for an unknown or open call."""
    path = _VERSION.sub("", path.split("?", maxsplit=1)[0].rstrip("/"))
    for row in _ROWS:
        if row.method == method.upper() and row.pattern.fullmatch(path):
            return row.groups
    return ()


def missing(method: str, path: str, roles: Collection[str]) -> tuple[str, ...]:
    """The permissions to grant so that a token with these roles may make this call; empty when it may."""
    return tuple(group[0] for group in needed(method, path) if not set(group) & set(roles))

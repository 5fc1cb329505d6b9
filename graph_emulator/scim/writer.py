"""The provisioning service's requests to a target system: look up, then create, change, disable or delete an account.

https://learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from graph_emulator.wire.problems import Response

COMPLIANT_FLAG = "aadOptscim062020"
LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
# Not documented; no answer of a target system that runs here takes a time between.
TIMEOUT_SECONDS = 100.0
INCOMPATIBLE = "SystemForCrossDomainIdentityManagementServiceIncompatible"
ERRORS = {401: "InsufficientRights", 403: "InsufficientRights", 409: "EntryConflict"}
"""The codes in the provisioning log, by the status of the answer."""

Ask = Callable[[str, str, str, bytes], Response]
"""A function from method, path below the address, query and body to an answer."""


class Refused(Exception):
    """The target system fails; the text is the code for the log."""


@dataclass(frozen=True, slots=True)
class TargetWriter:
    """One target system, with its saved credentials."""

    ask: Ask
    compliant: bool = False
    """Whether the address asks for PATCH as in RFC 7644."""

    def test(self) -> str | None:
        """The service's text about a faulty target; None if provisioning to it works."""
        # As Entra ID tests a connection: an empty list is the good answer.
        answer = self.ask("GET", "Users", _filter("userName", "a-user-who-does-not-exist"), b"")
        if answer.delay_seconds >= TIMEOUT_SECONDS:
            return "The request timed out"
        if answer.status == 401:
            return "Unauthorized (401): the access token is invalid or has been revoked"
        if answer.status != 200:
            return f"{answer.status} {_REASONS.get(answer.status, 'unexpected')}"
        if _media_type(answer) not in ("application/scim+json", "application/json"):
            return f"unexpected content type {_media_type(answer)}"
        value = _value(answer)
        return None if value and LIST_RESPONSE in value.get("schemas", ()) else "the response is not a ListResponse"

    def create(self, kind: str, subject: dict[str, Any]) -> str | None:
        """Create an account or group, or adopt an existing one; return the code of the error, if any."""
        return self._try(self._create, kind, subject)

    def update(self, kind: str, subject: dict[str, Any]) -> str | None:
        """Update the mapped attributes; return the code of the error, if any."""
        return self._try(self._update, kind, subject)

    def remove(self, kind: str, subject: dict[str, Any]) -> str | None:
        """Disable an account, or delete a group; return the code of the error, if any."""
        return self._try(self._remove, kind, subject)

    @staticmethod
    def _try(act: Callable[[str, dict[str, Any]], None], kind: str, subject: dict[str, Any]) -> str | None:
        try:
            act(kind, subject)
        except Refused as refused:
            return str(refused)
        return None

    def _create(self, kind: str, subject: dict[str, Any]) -> None:
        if self._find(kind, subject) is None:  # an existing account is taken over, as by Entra ID
            self._done(self.ask("POST", f"{kind}s", "", orjson.dumps(_resource(kind, subject))))
        else:
            self._update(kind, subject)

    def _update(self, kind: str, subject: dict[str, Any]) -> None:
        found = self._find(kind, subject)
        if found is None:
            raise Refused(INCOMPATIBLE)
        resource = _resource(kind, subject)
        paths = ("displayName", "active", "title") if kind == "User" else ("displayName",)
        self._patch(kind, found, {path: resource[path] for path in paths if resource.get(path) is not None})

    def _remove(self, kind: str, subject: dict[str, Any]) -> None:
        found = self._find(kind, subject)
        if found is None:
            return
        if kind == "User":
            # Users are disabled; groups have no such state, and are deleted.
            self._patch(kind, found, {"active": False})
        else:
            self._done(self.ask("DELETE", f"{kind}s/{quote(found, safe='')}", "", b""))

    def _find(self, kind: str, subject: dict[str, Any]) -> str | None:
        attribute, value = ("userName", "userPrincipalName") if kind == "User" else ("displayName", "displayName")
        # Entra ID reads groups without their members, which may be many.
        extra = "" if kind == "User" else "excludedAttributes=members&"
        answer = self.ask("GET", f"{kind}s", extra + _filter(attribute, subject[value]), b"")
        resources = self._done(answer).get("Resources") or []
        if len(resources) > 1:
            raise Refused("DuplicateTargetEntries")
        if resources and not resources[0].get("id"):
            raise Refused(INCOMPATIBLE)
        return str(resources[0]["id"]) if resources else None

    def _patch(self, kind: str, identifier: str, values: dict[str, Any]) -> None:
        # By default Entra ID capitalizes the operation, unlike RFC 7644.
        op = "replace" if self.compliant else "Replace"
        operations = [{"op": op, "path": path, "value": self._patched(value)} for path, value in values.items()]
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}
        self._done(self.ask("PATCH", f"{kind}s/{quote(identifier, safe='')}", "", orjson.dumps(body)))

    def _patched(self, value: Any) -> Any:
        # By default Entra ID sends "False" as a text: see application-provisioning-config-problem-scim-compatibility.
        return value if self.compliant or not isinstance(value, bool) else str(value)

    @staticmethod
    def _done(answer: Response) -> dict[str, Any]:
        if answer.delay_seconds >= TIMEOUT_SECONDS or not 200 <= answer.status < 300:
            raise Refused(ERRORS.get(answer.status, INCOMPATIBLE))
        return _value(answer) or {}


_REASONS = {301: "Moved Permanently", 403: "Forbidden", 404: "Not Found", 501: "Not Implemented"}


def _resource(kind: str, subject: dict[str, Any]) -> dict[str, Any]:
    """The SCIM resource of a user or group, by the default mappings."""
    if kind == "Group":
        schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"]
        return {"schemas": schemas, "externalId": subject["id"], "displayName": subject["displayName"]}
    resource = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": subject.get("mailNickname") or subject["id"],
        "userName": subject["userPrincipalName"],
        "active": subject["accountEnabled"],
        "displayName": subject["displayName"],
        "title": subject.get("jobTitle"),
        "name": {"givenName": subject["givenName"], "familyName": subject["surname"]},
        "emails": [{"type": "work", "value": subject["mail"], "primary": True}],
    }
    return {name: value for name, value in resource.items() if value is not None}


def _filter(attribute: str, value: str) -> str:
    return f"filter={quote(f'{attribute} eq {orjson.dumps(value).decode()}', safe='')}"


def _media_type(answer: Response) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].lower()


def _value(answer: Response) -> dict[str, Any] | None:
    try:
        value = orjson.loads(answer.body) if answer.body else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None

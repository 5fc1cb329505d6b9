"""directoryAudit: who changed what in the tenant.

https://learn.microsoft.com/graph/api/resources/directoryaudit
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from graph_client.errors import UnreadableAnswer
from graph_client.models.provisioning_event import ModifiedProperty
from graph_client.models.resource import Part, Parts, Text, View, parse_moment

__all__ = ["AuditApp", "AuditDetail", "AuditInitiator", "AuditTarget", "AuditUser", "DirectoryAudit"]


class AuditUser(View):
    """The user as actor."""

    __slots__ = ()

    id = Text("id")
    display_name = Text("displayName")
    user_principal_name = Text("userPrincipalName")


class AuditApp(View):
    """The application that did it: `app_id` is null in every record seen, the service principal identifies it."""

    __slots__ = ()

    app_id = Text("appId")
    display_name = Text("displayName")
    service_principal_id = Text("servicePrincipalId")


class AuditInitiator(View):
    """The actor: a user or an application, or neither for one of Microsoft's services."""

    __slots__ = ()

    user = Part("user", AuditUser)
    app = Part("app", AuditApp)


class AuditTarget(View):
    """A changed object."""

    __slots__ = ()

    id = Text("id")
    display_name = Text("displayName")
    type = Text("type")
    modified_properties = Parts("modifiedProperties", ModifiedProperty)


class AuditDetail(View):
    """A further detail, by name."""

    __slots__ = ()

    key = Text("key")
    value = Text("value")


class DirectoryAudit(View):
    """One record of the log; `raw` is the JSON as received."""

    __slots__ = ()

    category = Text("category")
    correlation_id = Text("correlationId")
    result = Text("result")
    result_reason = Text("resultReason")
    activity_display_name = Text("activityDisplayName")
    logged_by_service = Text("loggedByService")
    operation_type = Text("operationType")
    initiated_by = Part("initiatedBy", AuditInitiator)
    target_resources = Parts("targetResources", AuditTarget)
    additional_details = Parts("additionalDetails", AuditDetail)

    _id = Text("id")

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Parse a JSON value.

        Raises:
            UnreadableAnswer: when it is no object, or its id is missing.
        """
        # Not validated: the record is kept whole, and its properties differ from service to service.
        record = cls(value if isinstance(value, Mapping) else {})
        if not record.id:
            raise UnreadableAnswer(
                f"Graph's {cls.__name__} cannot be read: it has no id",
                hint="this version of the client may be older than the API",
            )
        return record

    @property
    def id(self) -> str:
        """The id of the record; those of the provisioning service begin with `Sync_`."""
        return self._id or ""

    @property
    def activity_date_time(self) -> datetime | None:
        """When it happened."""
        try:
            return parse_moment(self.raw.get("activityDateTime"))
        except ValueError:
            return None

    @property
    def target(self) -> AuditTarget:
        """The first changed object; for Account Provisioning it is the service principal of the job."""
        return next(iter(self.target_resources), AuditTarget())

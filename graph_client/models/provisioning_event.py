"""provisioningObjectSummary: an action of the provisioning service on one object.

https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from graph_client.errors import UnreadableAnswer
from graph_client.models.resource import Names, Part, Parts, Text, View, parse_moment, text_of

__all__ = [
    "Initiator",
    "ModifiedProperty",
    "ProvisionedIdentity",
    "ProvisioningErrorInfo",
    "ProvisioningEvent",
    "ProvisioningServicePrincipal",
    "ProvisioningStatusInfo",
    "ProvisioningStep",
    "ProvisioningSystem",
]

# The largest integer that is exact in JSON and fits every database.
_LARGEST = 1 << 53


class ProvisioningErrorInfo(View):
    """Why an object was not provisioned, and what Microsoft recommends."""

    __slots__ = ()

    error_code = Text("errorCode")
    reason = Text("reason")
    additional_details = Text("additionalDetails")
    error_category = Text("errorCategory")
    recommended_action = Text("recommendedAction")


class ProvisioningStatusInfo(ProvisioningErrorInfo):
    """The outcome; the error is a nested object today, and was flat in earlier versions."""

    __slots__ = ()

    status = Text("status")
    error_information = Part("errorInformation", ProvisioningErrorInfo)

    @property
    def error(self) -> ProvisioningErrorInfo:
        """The error, nested or flat."""
        # beta has the error flat in `statusInfo`, v1.0 in an object inside.
        return self.error_information or self


class ProvisioningStep(View):
    """One step of provisioning an object."""

    __slots__ = ()

    name = Text("name")
    provisioning_step_type = Text("provisioningStepType")
    status = Text("status")
    description = Text("description")
    details = Names("details")


class ProvisioningSystem(View):
    """The system that an object comes from or goes to."""

    __slots__ = ()

    id = Text("id")
    display_name = Text("displayName")
    details = Names("details")


class ProvisionedIdentity(ProvisioningSystem):
    """The object itself, as one of the systems knows it."""

    __slots__ = ()

    identity_type = Text("identityType")


class ProvisioningServicePrincipal(View):
    """The service principal that the job belongs to."""

    __slots__ = ()

    id = Text("id")
    display_name = Text("displayName")


class Initiator(View):
    """Who started it; some samples misspell the name of the type."""

    __slots__ = ()

    id = Text("id")
    display_name = Text("displayName")
    _initiator_type = Text("initiatorType")
    _initiating_type = Text("initiatingType")

    @property
    def initiator_type(self) -> str | None:
        """user, application or system."""
        return self._initiator_type or self._initiating_type  # Microsoft's samples hold both spellings


class ModifiedProperty(View):
    """A property that was changed."""

    __slots__ = ()

    display_name = Text("displayName")
    old_value = Text("oldValue")
    new_value = Text("newValue")


class ProvisioningEvent(View):
    """One event of the log, in today's shape or an earlier one; `raw` is the JSON as received."""

    __slots__ = ()

    tenant_id = Text("tenantId")
    job_id = Text("jobId")
    cycle_id = Text("cycleId")
    change_id = Text("changeId")
    provisioning_action = Text("provisioningAction")
    provisioning_status_info = Part("provisioningStatusInfo", ProvisioningStatusInfo)
    beta_action = Text("action")
    beta_status_info = Part("statusInfo", ProvisioningStatusInfo)
    service_principal = Part("servicePrincipal", ProvisioningServicePrincipal)
    source_system = Part("sourceSystem", ProvisioningSystem)
    target_system = Part("targetSystem", ProvisioningSystem)
    source_identity = Part("sourceIdentity", ProvisionedIdentity)
    target_identity = Part("targetIdentity", ProvisionedIdentity)
    initiated_by = Part("initiatedBy", Initiator)
    provisioning_steps = Parts("provisioningSteps", ProvisioningStep)
    modified_properties = Parts("modifiedProperties", ModifiedProperty)

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Parse a JSON value.

        Raises:
            UnreadableAnswer: when it is not an object, or its id is missing.
        """
        event = cls(value if isinstance(value, Mapping) else {})
        if not event.id:
            raise UnreadableAnswer(
                f"Graph's {cls.__name__} cannot be read: it has no id",
                hint="this version of the client may be older than the API",
            )
        return event

    @property
    def id(self) -> str:
        """The id of the event."""
        return self._id or ""

    _id = Text("id")

    @property
    def activity_date_time(self) -> datetime | None:
        """When it happened."""
        try:
            return parse_moment(self.raw.get("activityDateTime"))
        except ValueError:
            return None

    @property
    def duration_in_milliseconds(self) -> int | None:
        """How long it took."""
        value = self.raw.get("durationInMilliseconds")
        # By exact type: `True` is an int as well.
        return value if type(value) is int and abs(value) <= _LARGEST else None

    @property
    def outcome(self) -> ProvisioningStatusInfo:
        """The outcome, in today's shape or beta's."""
        # By content, not by version: Microsoft's tutorial of 2019 shows beta's properties.
        return self.provisioning_status_info or self.beta_status_info

    @property
    def action(self) -> str | None:
        """The action: create, update, delete, disable, stagedDelete or other."""
        action = self.provisioning_action or self.beta_action
        # Earlier shapes say `Create`; `stagedDelete` keeps its inner capital.
        return action[:1].lower() + action[1:] if action else None

    @property
    def status(self) -> str | None:
        """The outcome in lower case: success, failure, skipped or warning."""
        status = self.outcome.status
        return status.lower() if status else None  # samples differ in case, live records are lower-case

    @property
    def error(self) -> ProvisioningErrorInfo:
        """The error; empty if there is none."""
        return self.outcome.error

    @property
    def service_principal_id(self) -> str | None:
        """The service principal of the job, which early events have only in the target's details."""
        # May be missing; the details of the target system name it as well.
        return self.service_principal.id or text_of(self.target_system.details, "ServicePrincipalId") or None

"""provisioningObjectSummary: what the provisioning service did with one object.

https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AliasChoices, BeforeValidator, Field, ModelWrapValidatorHandler, model_validator

from .moment import Moment
from .resource import Entity, Many, Resource

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


class ProvisioningErrorInfo(Resource):
    """Why an object was not provisioned, and what Microsoft recommends."""

    error_code: str | None = None
    reason: str | None = None
    additional_details: str | None = None
    error_category: str | None = None
    recommended_action: str | None = None


class ProvisioningStatusInfo(ProvisioningErrorInfo):
    """The outcome; the error is an object of its own today, and lay flat in earlier versions."""

    status: str | None = None
    error_information: ProvisioningErrorInfo | None = None

    @property
    def error(self) -> ProvisioningErrorInfo:
        """The error, wherever it stands."""
        return self.error_information or self


class ProvisioningStep(Resource):
    """One step on the way of an object."""

    name: str | None = None
    provisioning_step_type: str | None = None
    status: str | None = None
    description: str | None = None
    details: dict[str, Any] | None = None


class ProvisioningSystem(Resource):
    """The system that an object comes from or goes to."""

    id: str | None = None
    display_name: str | None = None
    details: dict[str, Any] | None = None


class ProvisionedIdentity(ProvisioningSystem):
    """The object itself, as one of the systems knows it."""

    identity_type: str | None = None


class ProvisioningServicePrincipal(Resource):
    """The service principal that the job belongs to."""

    id: str | None = None
    display_name: str | None = None


class Initiator(Resource):
    """Who set it going; some samples misspell the type's name."""

    id: str | None = None
    display_name: str | None = None
    initiator_type: str | None = Field(default=None, validation_alias=AliasChoices("initiatorType", "initiatingType"))


class ModifiedProperty(Resource):
    """A property that was changed."""

    display_name: str | None = None
    old_value: str | None = None
    new_value: str | None = None


def _one(value: Any) -> Any:
    """The prose of the documentation has a collection where the schema has one object."""
    return (value[0] if value else None) if isinstance(value, list) else value


class ProvisioningEvent(Entity):
    """One event of the log, of today's shape or of an earlier one; `raw` is the JSON as it came."""

    activity_date_time: Moment = None
    tenant_id: str | None = None
    job_id: str | None = None
    cycle_id: str | None = None
    change_id: str | None = None
    duration_in_milliseconds: int | None = None
    provisioning_action: str | None = None
    provisioning_status_info: ProvisioningStatusInfo | None = None
    beta_action: str | None = Field(default=None, alias="action")
    beta_status_info: ProvisioningStatusInfo | None = Field(default=None, alias="statusInfo")
    service_principal: Annotated[ProvisioningServicePrincipal | None, BeforeValidator(_one)] = None
    source_system: ProvisioningSystem | None = None
    target_system: ProvisioningSystem | None = None
    source_identity: ProvisionedIdentity | None = None
    target_identity: ProvisionedIdentity | None = None
    initiated_by: Initiator | None = None
    provisioning_steps: Many[ProvisioningStep] = ()
    modified_properties: Many[ModifiedProperty] = ()
    raw: dict[str, Any] = Field(default_factory=dict, repr=False, exclude=True)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_raw(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        event = handler(value)
        if isinstance(value, dict) and not event.raw:
            event.__dict__["raw"] = value
        return event

    @classmethod
    def parse(cls, value: Any) -> Self:
        """See `Resource.parse`; `raw` keeps also what had to be dropped."""
        event = super().parse(value)
        event.__dict__["raw"] = value
        return event

    @property
    def _outcome(self) -> ProvisioningStatusInfo:
        return self.provisioning_status_info or self.beta_status_info or ProvisioningStatusInfo()

    @property
    def action(self) -> str | None:
        """What was done: create, update, delete, disable, stagedDelete or other."""
        action = self.provisioning_action or self.beta_action
        return action[:1].lower() + action[1:] if action else None

    @property
    def status(self) -> str | None:
        """How it ended, in lower case: success, failure, skipped or warning."""
        return self._outcome.status.lower() if self._outcome.status else None

    @property
    def error_code(self) -> str | None:
        """The service's code for what went wrong."""
        return self._outcome.error.error_code

    @property
    def reason(self) -> str | None:
        """What went wrong, in words."""
        return self._outcome.error.reason

    @property
    def recommended_action(self) -> str | None:
        """What Microsoft recommends to do."""
        return self._outcome.error.recommended_action

    @property
    def error_category(self) -> str | None:
        """Whose fault it is, in Microsoft's words; the case of the letters varies."""
        return self._outcome.error.error_category

    @property
    def service_principal_id(self) -> str | None:
        """The service principal of the job, which early events name only among the target's details."""
        if self.service_principal is not None and self.service_principal.id:
            return self.service_principal.id
        details = (self.target_system.details if self.target_system else None) or {}
        found = details.get("ServicePrincipalId")
        return found if isinstance(found, str) and found else None

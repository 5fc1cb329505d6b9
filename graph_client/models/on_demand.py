"""The result of provisioning on demand: JSON in the two strings of a pair, in one of several shapes.

https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-provisionondemand
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

from graph_client.models.provisioning_event import (
    ModifiedProperty,
    ProvisionedIdentity,
    ProvisioningStatusInfo,
    ProvisioningStep,
)
from graph_client.models.resource import Part, Parts, Text, View

__all__ = ["OnDemandAnswer", "OnDemandDetails", "OnDemandIdentity", "OnDemandStep", "SynchronizationRule"]


class _ObjectMapping(View):
    """Which type of source object a rule provisions as which type of target object."""

    __slots__ = ()

    source_object_name = Text("sourceObjectName")
    target_object_name = Text("targetObjectName")

    @property
    def enabled(self) -> bool:
        """Whether the rule provisions this type; only an explicit `false` disables it."""
        return self.raw.get("enabled") is not False


class SynchronizationRule(View):
    """A rule of a job's schema.

    https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationrule
    """

    __slots__ = ()

    id = Text("id")
    name = Text("name")
    object_mappings = Parts("objectMappings", _ObjectMapping)

    def source_of(self, kind: str) -> str | None:
        """The rule's spelling of an object type that it provisions, such as User; None if it does not."""
        names = [mapping.source_object_name or "" for mapping in self.object_mappings if mapping.enabled]
        return next((name for name in names if name.lower() == kind.lower()), None)


class OnDemandStep(ProvisioningStep):
    """A step; its type is called `type` here, and `provisioningStepType` in the log."""

    __slots__ = ()

    _type = Text("type")

    @property
    def type(self) -> str | None:
        """Import, Scoping, Matching, Processing, ReferenceResolution or Export."""
        # Here a step says `type`; in the log the same is `provisioningStepType`.
        return self._type or self.provisioning_step_type


class OnDemandDetails(View):
    """The reason for the result, from the answer's key."""

    __slots__ = ()

    error_code = Text("errorCode")
    error_message = Text("errorMessage")
    reason = Text("reason")
    recommended_action = Text("recommendedAction")
    additional_details = Text("additionalDetails")


class OnDemandIdentity(ProvisionedIdentity):
    """The object as one of the systems knows it; its type is called `type` here."""

    __slots__ = ()

    type = Text("type")


class _Key(View):
    __slots__ = ()

    result = Text("result")
    details = Part("details", OnDemandDetails)


class _Summary(View):
    __slots__ = ()

    action = Text("action")
    change_id = Text("changeId")
    status_info = Part("statusInfo", ProvisioningStatusInfo)
    modified_properties = Parts("modifiedProperties", ModifiedProperty)
    steps = Parts("provisioningSteps", OnDemandStep)
    target_identity = Part("targetIdentity", OnDemandIdentity)


class OnDemandAnswer:
    """The decoded answer; what is missing or not JSON is empty, never an error.

    The key is `{"result", "details"}` or the name of an internal type. The value is a summary with steps and modified
    properties, a list of summaries, a list of plain steps, or `{}` for a group.

    Args:
        key: the answer's key.
        value: the answer's value.
    """

    def __init__(self, key: str = "", value: str = "") -> None:
        self._key = _Key(_object_in(key))
        content = _json_in(value)
        items = [item for item in content if isinstance(item, dict)] if isinstance(content, list) else [content]
        # The value is one object with steps, a list of such objects, or a bare list of steps; only a step has a name.
        summaries = [item for item in items if isinstance(item, dict) and "name" not in item]
        steps = [item for item in items if isinstance(item, dict) and "name" in item]
        # The last of several has the outcome.
        self._summary = _Summary(summaries[-1] if summaries else {})
        bare = tuple(OnDemandStep(step) for step in steps)
        self.steps = tuple(step for item in summaries for step in _Summary(item).steps) or bare

    @classmethod
    def parse(cls, value: Any) -> Self:
        """The answer of a pair."""
        pair = value if isinstance(value, Mapping) else {}
        texts = (pair.get(name) for name in ("key", "value"))
        # Documented as strings; an object in their place is understood as well.
        return cls(*(text if isinstance(text, str) else json.dumps(text) for text in texts))

    @property
    def result(self) -> str | None:
        """The outcome in lower case: success, failure or skipped; None if the answer does not say."""
        # The key first: for a group the value may be `{}`.
        result = self._key.result or self._summary.status_info.status
        return (result or self._worst_step() or "").lower() or None

    @property
    def action(self) -> str | None:
        """The action in lower case: create, update, delete, disable or other; None if the answer does not say."""
        return (self._summary.action or "").lower() or None

    @property
    def change_id(self) -> str | None:
        """The id of the change, also in its event in the log."""
        return self._summary.change_id

    @property
    def error_code(self) -> str | None:
        """Microsoft's code for the failure or skip."""
        skipped = (str(step.details["SkipReason"]) for step in self.steps if step.details.get("SkipReason"))
        found = self._key.details.error_code or self._summary.status_info.error.error_code or next(skipped, None)
        return found or next((str(each) for step in self.steps if (each := step.details.get("ErrorCode"))), None)

    @property
    def reason(self) -> str | None:
        """Microsoft's text about the failure or skip."""
        details, error = self._key.details, self._summary.status_info.error
        unsuccessful = (step.description for step in self.steps if not _successful(step))
        return details.reason or details.error_message or error.reason or next(unsuccessful, None) or None

    @property
    def recommended_action(self) -> str | None:
        """Microsoft's recommendation."""
        general = self._summary.status_info.error.recommended_action
        return self._key.details.recommended_action or general or None

    @property
    def additional_details(self) -> str | None:
        """Microsoft's addition to the reason."""
        return self._key.details.additional_details or self._summary.status_info.error.additional_details or None

    @property
    def modified_properties(self) -> tuple[ModifiedProperty, ...]:
        """Attributes of the target before and after, if the answer has them."""
        return self._summary.modified_properties

    @property
    def target_id(self) -> str | None:
        """The id of the object in the target system."""
        return self._summary.target_identity.id or None

    def _worst_step(self) -> str | None:
        """The outcome by the steps alone, for answers whose key is the name of a type."""
        statuses = [(step.status or "").lower() for step in self.steps]
        worst = next((word for word in ("failure", "skipped") if word in statuses), None)
        return worst or ("success" if "success" in statuses else None)


def _successful(step: OnDemandStep) -> bool:
    return (step.status or "success").lower() == "success"  # "Success" here, lower case in the log


def _json_in(text: str) -> Any:
    """The JSON in a text, which may itself be a string of JSON; None if there is none."""
    found: Any = text
    try:
        # Twice: some samples have a string of JSON inside the string.
        for _ in range(2):
            found = json.loads(found) if isinstance(found, str) else found
    except (ValueError, RecursionError):
        return None
    return found


def _object_in(text: str) -> Mapping[str, Any]:
    found = _json_in(text)
    return found if isinstance(found, dict) else {}

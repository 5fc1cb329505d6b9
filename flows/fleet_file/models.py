"""The desired state: a fleet and its instances, as the fleet file describes them."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from flows.documents.field_types import (
    Date,
    DisplayName,
    Email,
    Flag,
    FleetName,
    Guid,
    Key,
    Line,
    Notes,
    WholeNumber,
    invalid,
)
from flows.fleet_file.credential_keys import Credentials
from flows.fleet_file.cross_tenant import CrossTenant, CrossTenantSettings
from flows.fleet_file.single_sign_on import SingleSignOn
from flows.mappings.models import Mappings

FROZEN = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
_PATH_OR_CONTENT = WithJsonSchema({"type": ["string", "object"], "minLength": 1})


class Assignment(BaseModel):
    """A user or group that an application is assigned to."""

    model_config = FROZEN

    group: Guid | None = Field(None, description="Object id of the group; either this or user.")
    user: Guid | None = Field(None, description="Object id of the user; either this or group.")
    name: Line | None = Field(None, description="Display name, checked against the directory; the id decides.")
    role: Line | None = Field(
        None, description="App role by display name, value or id; default: the application's default role."
    )

    @model_validator(mode="after")
    def _one_principal(self) -> Self:
        if (self.group is None) == (self.user is None):
            raise invalid("must have either a group or a user", "Give the object id of exactly one of them.")
        return self

    @property
    def principal_id(self) -> str:
        """Object id of the group or user."""
        return self.group or self.user or ""


class InstanceSettings(BaseModel):
    """What `defaults` may contain: every field except those that identify instances."""

    model_config = FROZEN

    template: Line | None = Field(None, description="Application template, by display name or id.")
    synchronization_template: Line | None = Field(
        None, description="Synchronization template id; needed only if the application has several and no default."
    )
    scope: Literal["assigned", "all"] | None = Field(
        None, description="Who is provisioned: only assigned users and groups, or all."
    )
    notification_email: Email | None = Field(None, description="Email address that Entra ID notifies of failures.")
    delete_threshold: WholeNumber | None = Field(
        None, description="Number of deletions per cycle above which Entra ID holds them for approval."
    )
    skip_out_of_scope_deletions: Flag | None = Field(
        None, description="Whether users who leave the scope keep their accounts."
    )
    job: Literal["running", "paused", "unmanaged"] = Field(
        "running", description="Desired state of the provisioning job."
    )
    credentials: Credentials = Field(
        default_factory=dict,
        description="Credentials by Graph's keys; sensitive ones must be references.",
    )
    credentials_expire: Date | None = Field(
        None, description="When the credentials expire (YYYY-MM-DD); monitoring warns beforehand."
    )
    assignments: tuple[Assignment, ...] = Field((), description="Users and groups assigned to the application.")
    assignments_mode: Literal["add", "exact"] = Field(
        "add", description="add: assignments not in the file are kept; exact: they are removed."
    )
    owners: tuple[Guid, ...] = Field((), description="Object ids of owners to add to the application.")
    notes: Notes | None = Field(None, description="Notes on the application (free text).")
    service_management_reference: Line | None = Field(
        None, description="Reference to the application in a service or asset management database."
    )
    mappings: Annotated[Mappings, _PATH_OR_CONTENT] | None = Field(
        None, description="Attribute mappings and scoping filters: the path of a mappings file, relative to this one."
    )

    sso: SingleSignOn | None = Field(None, description="Single sign-on by SAML.")
    cross_tenant: CrossTenantSettings | None = Field(
        None, description="Target of a cross-tenant synchronization, and what both tenants allow."
    )

    @model_validator(mode="after")
    def _each_assignment_once(self) -> Self:
        seen: set[tuple[str, str | None]] = set()
        for assignment in self.assignments:
            one = (assignment.principal_id, assignment.role)
            if one in seen:
                what = f"assignments contains {assignment.principal_id} twice with the same role"
                raise invalid(what, "Keep one of the two.")
            seen.add(one)
        return self


class Instance(InstanceSettings):
    """One gallery application and its provisioning job, defaults merged in."""

    key: Key = Field(description="Stable identity of the instance within the fleet.")
    renamed_from: Key | None = Field(None, description="Previous key, when the key changes.")
    display_name: DisplayName = Field(description="Display name of the application in Entra ID.")
    template: Line = Field(description="Application template, by display name or id.")
    adopt: Guid | None = Field(None, description="Object id of an untagged application to adopt as this instance.")
    cross_tenant: CrossTenant | None = Field(
        None, description="Target of a cross-tenant synchronization, and what both tenants allow."
    )

    @property
    def own_keys(self) -> tuple[str, ...]:
        """The keys that its ownership tag may have: the current and the previous one."""
        return tuple(filter(None, (self.key, self.renamed_from)))

    @model_validator(mode="after")
    def _renamed_from_another(self) -> Self:
        if self.renamed_from == self.key:
            raise invalid("renamed_from is the same as key", "Remove renamed_from, or give the previous key.")
        return self

    @model_validator(mode="after")
    def _exact_needs_assignments(self) -> Self:
        if self.assignments_mode == "exact" and not self.assignments:
            what = "assignments_mode is exact but assignments is empty: every assignment would be removed"
            raise invalid(what, "List the assignments to keep, or write assignments_mode: add.")
        return self


class FleetHeader(BaseModel):
    """The fields of a fleet file about the fleet as a whole."""

    model_config = FROZEN

    fleet: FleetName = Field(description="Name of the fleet; part of the ownership tag of its applications.")
    tenant_id: Guid = Field(description="Id of the tenant; sign-ins to any other are refused.")
    renamed_from: FleetName | None = Field(None, description="Previous name of the fleet, when it changes.")

    @model_validator(mode="after")
    def _fleet_renamed_from_another(self) -> Self:
        if self.renamed_from == self.fleet:
            raise invalid(
                "renamed_from is the same as the fleet's name", "Remove renamed_from, or give the previous name."
            )
        return self


class Fleet(FleetHeader):
    """The desired state of a whole fleet."""

    instances: tuple[Instance, ...] = Field(description="One gallery application each.")
    sha256: str = Field(description="Digest of the file or files, or of the canonical JSON of an object.")

    def to_object(self) -> dict[str, Any]:
        """The fleet as plain JSON values, from which `fleet_from_object` builds an equal fleet.

        Shared mappings and claims appear once, under `mapping_files`, because Prefect limits the size of parameters.
        """
        document = self.model_dump(mode="json", exclude_defaults=True, exclude={"sha256"})
        files: dict[str, Any] = {}
        for instance in document["instances"]:
            for holder, name in ((instance, "mappings"), (instance.get("sso", {}), "claims")):
                if content := holder.get(name):
                    holder[name] = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
                    files[holder[name]] = content
        return document | ({"mapping_files": files} if files else {})

    @property
    def names(self) -> frozenset[str]:
        """The fleet names that ownership tags may have: the current and the previous one."""
        return frozenset(filter(None, (self.fleet, self.renamed_from)))

"""Single sign-on of an instance, as the fleet file describes it."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from flows.documents.field_types import Email, Key, Line, WholeNumber, invalid, pattern_rule, shorten_value

FROZEN = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
YEARS_MAX = 3
_DAYS_MAX = 3_650


def _days(value: object) -> object:
    text = str(value)
    number = text.removesuffix("d")
    if isinstance(value, bool) or not number.isascii() or not number.isdecimal() or not 0 < int(number) <= _DAYS_MAX:
        raise invalid(f"{shorten_value(value)} is not a number of days", "Write it as 60d.")
    return int(number)


def _years(value: object) -> object:
    if str(value) not in {str(each) for each in range(1, YEARS_MAX + 1)}:
        raise invalid(f"{shorten_value(value)} is not a number of years from 1 to {YEARS_MAX}", "Write 1, 2 or 3.")
    return int(str(value))


Days = Annotated[int, BeforeValidator(_days), WithJsonSchema({"type": ["string", "integer"], "pattern": "^[0-9]+d?$"})]
Years = Annotated[WholeNumber, BeforeValidator(_years), WithJsonSchema({"enum": [1, 2, 3, "1", "2", "3"]})]


class CertificateSettings(BaseModel):
    """How long signing certificates live, and when the next one is added."""

    model_config = FROZEN

    years: Years = Field(3, description="How many years a new signing certificate is valid: 1 to 3.")
    renew_before: Days = Field(60, description="Days before it expires at which the next one is added, as in 60d.")
    keep_old: Days = Field(30, description="Days for which an expired certificate is kept, as in 30d.")


_ARN = r"arn:aws[a-z-]*:iam::([0-9]{12}):"
_AWS_ROLE = re.compile(rf"{_ARN}role/[\w+=,.@/-]{{1,512}}", re.ASCII)
_AWS_PROVIDER = re.compile(rf"{_ARN}saml-provider/[\w.-]{{1,128}}", re.ASCII)
NOTIFICATION_EMAILS_MAX = 5

Address = Annotated[
    str,
    pattern_rule(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", "is not a URL or URN", "Write it with its scheme: https://… or urn:…"),
]


class SamlRole(BaseModel):
    """A role that the service provider knows, and that users and groups can be assigned to."""

    model_config = FROZEN

    name: Line = Field(description="Display name of the role.")
    value: Line = Field(description="What the token says: for AWS the ARNs of role and SAML provider.")

    @model_validator(mode="after")
    def _aws_arns(self) -> Self:
        if not self.value.startswith("arn:aws"):
            return self
        # The role's own name may have a comma.
        role, comma, provider = self.value.rpartition(",arn:")
        found = _AWS_ROLE.fullmatch(role), _AWS_PROVIDER.fullmatch(f"arn:{provider}" if comma else "")
        if not (found[0] and found[1]):
            what = f"value {shorten_value(self.value)} is not the ARN of a role and that of a SAML provider"
            raise invalid(what, "Write arn:aws:iam::ACCOUNT:role/NAME,arn:aws:iam::ACCOUNT:saml-provider/NAME.")
        if found[0][1] != found[1][1]:
            raise invalid("value names two AWS accounts", "Role and SAML provider are in the same account.")
        return self


_POLICY = "ClaimsMappingPolicy"


def _definition(value: object) -> object:
    policy = value.get(_POLICY) if isinstance(value, dict) and len(value) == 1 else None
    schema = policy.get("ClaimsSchema", []) if isinstance(policy, dict) else None
    if not policy or not isinstance(policy, dict) or not isinstance(schema, list):
        what = f"is not a map with {_POLICY} alone, whose ClaimsSchema is a list"
        raise invalid(what, f"Write it as Graph takes it: {_POLICY}, and Version, ClaimsSchema, … below it.")
    version = policy.get("Version")
    if version is None:
        return value
    if isinstance(version, bool) or not str(version).isascii() or not str(version).isdecimal():
        raise invalid(f"Version {shorten_value(version)} is not a number", "Write Version: 1.")
    # The only number: a fleet file has texts, and Graph takes all else as texts too.
    return {_POLICY: policy | {"Version": int(str(version))}}


_DEFINITION_SCHEMA = {
    "type": "object",
    "properties": {_POLICY: {"type": "object", "properties": {"ClaimsSchema": {"type": "array"}}}},
    "required": [_POLICY],
    "additionalProperties": False,
}


class ClaimsPolicy(BaseModel):
    """A claims mapping policy: what tokens say about people, for every instance that names it."""

    model_config = FROZEN

    name: Key = Field(description="Name of the policy within the fleet.")
    definition: Annotated[dict[str, Any], BeforeValidator(_definition), WithJsonSchema(_DEFINITION_SCHEMA)] = Field(
        description="The policy as Graph takes it, under ClaimsMappingPolicy."
    )

    @property
    def text(self) -> str:
        """The definition as JSON, as Graph keeps it."""
        return json.dumps(self.definition, ensure_ascii=False, separators=(",", ":"))


class SingleSignOn(BaseModel):
    """Single sign-on of an application by SAML."""

    model_config = FROZEN

    mode: Literal["saml"] = Field("saml", description="How people sign in.")
    identifiers: tuple[Address, ...] = Field(
        (), description="Identifiers (entity ids), unique in the tenant; added to those that the application has."
    )
    reply_urls: tuple[Address, ...] = Field((), description="Where assertions may be sent; added to those it has.")
    relay_state: Line | None = Field(None, description="Where people go after a sign-in that Entra ID began.")
    notification_emails: tuple[Email, ...] = Field(
        (), description="Who gets mail about an expiring certificate; added to those it has, at most 5 in all."
    )
    roles: tuple[SamlRole, ...] = Field((), description="Roles by value; merged with those of others.")
    claims: Annotated[ClaimsPolicy, WithJsonSchema({"type": ["string", "object"], "minLength": 1})] | None = Field(
        None, description="Claims mapping policy: the path of a claims file, relative to this one."
    )
    certificate: CertificateSettings = Field(
        CertificateSettings(), description="How long signing certificates live, and when the next one is added."
    )

    @model_validator(mode="after")
    def _unique(self) -> Self:
        values = [each.value for each in self.roles]
        for name, given in (("identifiers", self.identifiers), ("roles", values)):
            if twice := next((each for each in given if list(given).count(each) > 1), None):
                raise invalid(f"{name} contains {shorten_value(twice)} twice", "Keep one of the two.")
        if len(self.notification_emails) > NOTIFICATION_EMAILS_MAX:
            what = f"notification_emails has {len(self.notification_emails)} addresses"
            raise invalid(what, f"Graph keeps {NOTIFICATION_EMAILS_MAX}: use a mailing list.")
        return self

"""The checks of one entry of a fleet, with messages and hints at the places to correct."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from flows.documents.errors import Problem, suggest_nearest
from flows.documents.field_types import shorten_value
from flows.documents.nodes import Entry, Fields, Node, Plain, Text, locate, name_kind, to_plain_fields
from flows.fleet_file.credential_keys import ALLOWED_KEYS, FIELD_OF_KEY
from flows.fleet_file.cross_tenant import GALLERY_NAME, TEMPLATE_ID, TEMPLATE_NAME, CrossTenant
from flows.fleet_file.include import INSTANCE_ONLY, SECTIONS, interpolate_key
from flows.fleet_file.models import Assignment, FleetHeader, Instance, InstanceSettings
from flows.fleet_file.single_sign_on import CertificateSettings, ClaimsPolicy, SamlRole, SingleSignOn
from flows.mappings.models import AttributeMapping, Mappings, ObjectMapping, Places

EXPECTED = {
    "string_type": ("a text", "Write one value; quote it if it starts with [ or {."),
    "dict_type": ("a map of fields", "Write one 'name: value' per line, indented below this one."),
    "model_type": ("a map of fields", "Write it as {group: …, role: …}."),
    "tuple_type": ("a list", "Start each item with '- '."),
}


def explain_problem(model: type[BaseModel], detail: ErrorDetails, node: Node | None) -> tuple[str, str]:
    """What is wrong and what to do.

    Args:
        model: what was validated.
        detail: the error, without its input.
        node: the value; None if the field is missing.
    """
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "fleet":
        return str(context["what"]), str(context["advice"])
    if kind == "missing":
        return _missing(model, detail["loc"])
    if kind == "extra_forbidden":
        return _unknown(model, detail["loc"])
    if kind in EXPECTED and node is not None:
        expected, advice = EXPECTED[kind]
        return f"{name_kind(node)}, not {expected}", advice
    if kind == "literal_error" and node is not None:
        choices = str(context["expected"])
        value = f"{shorten_value(node.value)} is" if isinstance(node, Text) else f"{name_kind(node)},"
        return f"{value} not {choices}", f"Write {choices}."
    return detail["msg"], "Correct the value."


def _missing(model: type[BaseModel], location: Sequence[int | str]) -> tuple[str, str]:
    name = str(location[-1])
    if model is FleetHeader or "claims" in location:
        return "is missing", f"Add '{name}:' at the top of the file."
    if location[:-1] == ("cross_tenant",):
        return "is missing", f"Add '{name}:' to cross_tenant of the instance: it is the target."
    if name in SamlRole.model_fields:
        return "is missing", "Write it as {name: …, value: …}."
    also = " or to defaults" if name == "template" else ""
    return "is missing", f"Add '{name}:' to the instance{also}."


def _unknown(model: type[BaseModel], location: Sequence[int | str]) -> tuple[str, str]:
    name, parents = str(location[-1]), location[:-1]
    if parents and parents[0] == "credentials":
        return _unknown_credential(name)
    if model is InstanceSettings and not parents and name in INSTANCE_ONLY:
        return "belongs to each instance, not to defaults", "Move it to the instances."
    known = [*_holder(model, parents).model_fields]
    if model is FleetHeader:
        known += SECTIONS
    if model is FleetHeader and name in Instance.model_fields:
        return "unknown field", "Move it below 'defaults:' or to an instance."
    meant = suggest_nearest(name, known)
    return "unknown field", f"Did you mean {meant}?" if meant else f"Known here: {', '.join(known)}."


def _holder(model: type[BaseModel], parents: Sequence[int | str]) -> type[BaseModel]:
    """The model of the map that contains a field."""
    if not parents:
        return model
    if parents[0] == "cross_tenant":
        return CrossTenant
    if parents[0] == "sso":
        return _SSO_HOLDERS.get(str(parents[1]) if len(parents) > 1 else "", SingleSignOn)
    if parents[0] != "mappings":
        return Assignment
    if "attributes" in parents:
        return AttributeMapping
    return ObjectMapping if len(parents) > 1 else Mappings


_SSO_HOLDERS: dict[str, type[BaseModel]] = {
    "roles": SamlRole,
    "certificate": CertificateSettings,
    "claims": ClaimsPolicy,
}


def _unknown_credential(name: str) -> tuple[str, str]:
    if name in FIELD_OF_KEY:
        advice = f"Use {FIELD_OF_KEY[name]} of the instance instead."
        return "has a field of its own", advice
    meant = suggest_nearest(name, ALLOWED_KEYS)
    advice = "Use a key of Graph's synchronizationSecret, such as BaseAddress, UserName or SecretToken."
    return "unknown credential key", f"Did you mean {meant}?" if meant else advice


# JSON can contain half of a surrogate pair, which can be neither stored nor sent.
SURROGATE = re.compile("[\ud800-\udfff]")
Model = TypeVar("Model", bound=BaseModel)


def check_header(entry: Entry) -> tuple[FleetHeader | None, list[Problem]]:
    """The fields of the fleet itself."""
    return _validate(FleetHeader, entry, to_plain_fields(entry.node))


def check_defaults(entry: Entry) -> list[Problem]:
    """The format of `defaults`, whether or not an instance uses them."""
    # With any key and name: only the format is checked here.
    values = interpolate_key(to_plain_fields(entry.node), "key", "name")
    return _validate(InstanceSettings, entry, values)[1]


def check_instance(entry: Entry) -> tuple[Instance | None, list[Problem]]:
    """An instance with its defaults."""
    values = to_plain_fields(entry.node)
    values = interpolate_key(values, values.get("key", ""), values.get("display_name", ""))
    instance, problems = _validate(Instance, entry, values)
    if instance and instance.mappings:
        mappings = instance.mappings.placed(Places(_field(entry, "mappings")))
        instance = instance.model_copy(update={"mappings": mappings})
    if instance:
        problems += _check_cross_tenant(entry, instance)
        instance = _with_target_credentials(instance)
    return instance, problems


_TEMPLATES = (TEMPLATE_NAME.casefold(), GALLERY_NAME.casefold(), TEMPLATE_ID)


def _check_cross_tenant(entry: Entry, instance: Instance) -> Iterator[Problem]:
    """What contradicts `cross_tenant` in the same instance."""
    own, wanted = _field(entry, "cross_tenant"), instance.cross_tenant
    if own is None or wanted is None:
        return
    if instance.template.casefold() not in _TEMPLATES:
        what = f"belongs to the template Cross-tenant synchronization, not to {shorten_value(instance.template)}"
        yield Problem(own.place, what, "Remove it, or correct the template.")
    for key, value in wanted.credentials.items():
        given = _field(_field(entry, "credentials"), key)
        if given and instance.credentials[key].casefold() != value.casefold():
            what = f"{shorten_value(instance.credentials[key])} contradicts cross_tenant, which makes it {value}"
            yield Problem(given.place, what, "Remove the line.")
    groups = _field(own, "groups")
    if groups and wanted.groups and instance.scope != "assigned":
        what = "groups are synchronized only with 'scope: assigned'"
        yield Problem(groups.place, what, "Write scope: assigned, or remove groups.")


def _with_target_credentials(instance: Instance) -> Instance:
    """The instance with the credentials that follow from its target."""
    if instance.cross_tenant is None:
        return instance
    whole = {**instance.cross_tenant.credentials, **instance.credentials}
    return instance.model_copy(update={"credentials": whole})


def _validate(model: type[Model], entry: Entry, values: dict[str, Plain]) -> tuple[Model | None, list[Problem]]:
    problems = list(_unusable(entry))
    try:
        valid = model.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            place, node = locate(entry, detail["loc"])
            if detail["type"] == "missing" and detail["loc"][0] == "cross_tenant":
                # The rest of it may be in the defaults, but a target is the instance's own.
                place = locate(entry._replace(node=Fields()), detail["loc"])[0]
            # `_unusable` has said that it has no value.
            if not (isinstance(node, Text) and node.nothing):
                problems.append(Problem(place, *explain_problem(model, detail, node)))
        return None, problems
    return (None if problems else valid), problems


def _unusable(entry: Entry) -> Iterator[Problem]:
    """The texts that no field accepts."""
    if isinstance(entry.node, Text):
        if entry.node.nothing:
            yield Problem(entry.place, "has no value", "Add a value, or remove the line.")
        elif SURROGATE.search(entry.node.value):
            yield Problem(entry.place, "contains half of a surrogate pair", "Write the whole character.")
        return
    inner = entry.node.entries
    for one in inner if isinstance(inner, list) else inner.values():
        yield from _unusable(one)


def _field(entry: Entry | None, name: str) -> Entry | None:
    return entry.node.entries.get(name) if entry and isinstance(entry.node, Fields) else None

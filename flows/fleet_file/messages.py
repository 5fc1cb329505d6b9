"""Messages and hints for invalid fields, from pydantic's error details."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from flows.documents.errors import suggest_nearest
from flows.documents.field_types import shorten_value
from flows.documents.nodes import Node, Text, name_kind
from flows.fleet_file.credential_keys import ALLOWED_KEYS, FIELD_OF_KEY
from flows.fleet_file.include import INSTANCE_ONLY, SECTIONS
from flows.fleet_file.models import Assignment, FleetHeader, Instance, InstanceSettings
from flows.mappings.models import AttributeMapping, Mappings, ObjectMapping

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
        return _missing(model, str(detail["loc"][-1]))
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


def _missing(model: type[BaseModel], name: str) -> tuple[str, str]:
    if model is FleetHeader:
        return "is missing", f"Add '{name}:' at the top of the file."
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
    if parents[0] != "mappings":
        return Assignment
    if "attributes" in parents:
        return AttributeMapping
    return ObjectMapping if len(parents) > 1 else Mappings


def _unknown_credential(name: str) -> tuple[str, str]:
    if name in FIELD_OF_KEY:
        advice = f"Use {FIELD_OF_KEY[name]} of the instance instead."
        return "has a field of its own", advice
    meant = suggest_nearest(name, ALLOWED_KEYS)
    advice = "Use a key of Graph's synchronizationSecret, such as BaseAddress, UserName or SecretToken."
    return "unknown credential key", f"Did you mean {meant}?" if meant else advice

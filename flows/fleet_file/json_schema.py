"""The JSON Schema of the fleet file, for editors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from flows.fleet_file.cross_tenant import CrossTenantSettings
from flows.fleet_file.models import Assignment, FleetHeader, Instance, InstanceSettings
from flows.fleet_file.single_sign_on import CertificateSettings, ClaimsPolicy, SamlRole, SingleSignOn
from flows.mappings.models import SOURCES, AttributeMapping, Mappings, ObjectMapping

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def fleet_schema() -> dict[str, Any]:
    """The schema of a fleet file: what `load_fleet` accepts syntactically.

    Values may be quoted or not, since the loader takes every scalar literally.
    """
    header = _object(FleetHeader)
    instance, defaults = _object(Instance), _object(InstanceSettings)
    for each in (instance, defaults):
        each["properties"]["mappings"]["else"] = {"$ref": "#/$defs/Mappings"}
        each["properties"]["mappings"]["if"] = {"type": "string"}
        each["properties"]["sso"] = {"$ref": "#/$defs/SingleSignOn", "description": "Single sign-on by SAML."}
        each["properties"]["cross_tenant"] = {
            "$ref": "#/$defs/CrossTenant",
            "description": "Target of a cross-tenant synchronization, and what both tenants allow.",
        }
    sections: dict[str, Any] = {
        "defaults": {
            "anyOf": [{"$ref": "#/$defs/Defaults"}, {"type": "null"}],
            "description": "Fields for every instance; maps merge key by key, lists replace.",
        },
        "instances": {
            "type": ["array", "null"],
            "items": {"$ref": "#/$defs/Instance"},
            "description": "One gallery application each.",
        },
        "include": {
            "type": ["array", "null"],
            "items": {"type": "string"},
            "description": "Patterns for YAML, JSON and CSV files with more instances, relative to this file.",
        },
    }
    return {
        "$schema": DIALECT,
        "title": "Fleet file of entra-fleet",
        "type": "object",
        "properties": header["properties"] | sections,
        "required": header["required"],
        "anyOf": [{"required": ["instances"]}, {"required": ["include"]}],
        "additionalProperties": False,
        "$defs": {
            "Assignment": _object(Assignment) | {"oneOf": [{"required": ["group"]}, {"required": ["user"]}]},
            "Defaults": defaults,
            # A template is required too, but defaults may give it.
            "Instance": instance | {"required": ["key", "display_name"]},
            # The id of the target is required too, but never in defaults, which the instance merges with.
            "CrossTenant": _object(CrossTenantSettings),
            **_single_sign_on(),
            **_mappings(),
        },
    }


def fleet_parameter_schema() -> dict[str, Any]:
    """The schema of a flow's `fleet`: the path of a file, or the names that `fleet_from_object` accepts.

    It lets a server that stores parameters reject a secret in place of its reference. The server checks the schema for
    each deployment and each run, which took a seventh of a second with the whole. What else may be wrong, the run says.
    """
    whole = fleet_schema()
    defaults, instance = (_names_only(whole["$defs"][name]) for name in ("Defaults", "Instance"))
    fleet = _names_only(whole)
    del fleet["properties"]["include"]
    fleet["properties"] |= {
        "defaults": defaults | {"type": ["object", "null"]},
        "instances": {"type": ["array", "null"], "items": instance},
        "mapping_files": {
            "type": "object",
            "description": "Content of mappings and claims files by the name that instances use.",
        },
    }
    return {"anyOf": [{"type": "string", "title": "Path of a fleet file"}, fleet]}


def _names_only(schema: dict[str, Any]) -> dict[str, Any]:
    """The fields of a map without their rules, but for those of its credentials."""
    fields = {name: {"description": field.get("description", "")} for name, field in schema["properties"].items()}
    if credentials := schema["properties"].get("credentials"):
        # By pattern: a schema for each of sixty keys takes sixty times as long to check.
        keys = credentials["properties"]
        by_rule: dict[str, list[str]] = {}
        for key, rule in keys.items():
            by_rule.setdefault(rule.get("pattern", ""), []).append(key)
        rules = {
            f"^({'|'.join(names)})$": {"type": ["string", "null"], "pattern": pattern}
            for pattern, names in by_rule.items()
            if pattern
        }
        fields["credentials"] |= {
            "type": ["object", "null"],
            "propertyNames": {"enum": list(keys)},
            "patternProperties": rules,
        }
    kept = {name: schema[name] for name in ("title", "type", "required") if name in schema}
    return kept | {"properties": fields, "additionalProperties": False}


def mappings_schema() -> dict[str, Any]:
    """The schema of a mappings file."""
    definitions = _mappings()
    return {
        "$schema": DIALECT,
        "title": "Mappings file of entra-fleet",
        **definitions.pop("Mappings"),
        "$defs": definitions,
    }


def _single_sign_on() -> dict[str, Any]:
    whole = _object(SingleSignOn)
    whole["properties"]["claims"] |= {"if": {"type": "string"}, "else": {"$ref": "#/$defs/ClaimsPolicy"}}
    whole["properties"]["certificate"] = {"$ref": "#/$defs/CertificateSettings"}
    return {
        "SingleSignOn": whole,
        "SamlRole": _object(SamlRole),
        "ClaimsPolicy": _object(ClaimsPolicy),
        "CertificateSettings": _object(CertificateSettings),
    }


def _mappings() -> dict[str, Any]:
    sources = [{"required": [name]} for name in SOURCES]
    return {
        "Mappings": _object(Mappings),
        "ObjectMapping": _object(ObjectMapping),
        "AttributeMapping": _object(AttributeMapping) | {"oneOf": sources},
    }


def _object(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a model without what only pydantic needs."""
    schema = model.model_json_schema()
    schema.pop("$defs", None)
    schema.pop("title", None)
    properties = {name: _field(field) for name, field in schema["properties"].items()}
    return schema | {"properties": {name: field for name, field in properties.items() if field}}


def _field(field: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of a field: absent fields are left out of a file, so null is no value."""
    choices = [choice for choice in field.get("anyOf", []) if choice != {"type": "null"}]
    if field.get("not") == {}:
        return None
    kept = {name: value for name, value in field.items() if name not in ("anyOf", "title")}
    if kept.get("default", ...) in (None, []):
        del kept["default"]
    return choices[0] | kept if choices else kept

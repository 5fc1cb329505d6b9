"""Request bodies: JSON objects with known properties of the right type, or a 400."""

from collections.abc import Mapping
from typing import Any

import orjson

from graph_emulator.wire.problems import GraphProblem, bad_request, content_type_missing, invalid_value, malformed

JSON_TYPES = ("application/json", "text/json")


def read_json(headers: Mapping[str, str], body: bytes, *, limit_bytes: int) -> Any:
    """The value of a JSON body.

    Raises:
        GraphProblem: 400, 413 or 415: no Content-Type, not JSON, or too long.
    """
    if len(body) > limit_bytes:
        raise GraphProblem(413, "RequestEntityTooLarge", "The request body is too large.")
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not content_type:
        raise content_type_missing()
    if content_type not in JSON_TYPES:
        raise GraphProblem(415, "UnsupportedMediaType", f"The media type '{content_type[:100]}' is not supported.")
    try:
        return orjson.loads(body)
    except ValueError:
        raise malformed(
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of "
            "valid JSON format."
        ) from None


def take(body: Any, types: Mapping[str, str], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The properties of a body, each checked against its type.

    Raises:
        GraphProblem: 400, an unknown property, a wrong type, or a missing property.
    """
    if not isinstance(body, dict):
        raise malformed("Unable to read JSON request payload: an object is expected.")
    found = {}
    for name, value in body.items():
        # Annotations are allowed in any body.
        if name.startswith("@odata."):
            continue
        if name not in types:
            raise bad_request(f"Invalid property '{name[:100]}'.")
        if not _fits(value, types[name]):
            raise _unfit(name, value, types[name])
        found[name] = value
    for name in required:
        if found.get(name) is None:
            raise bad_request(f"A value is required for property '{name}' of resource.")
    return found


def _unfit(name: str, value: Any, kind: str) -> GraphProblem:
    """The directory's refusal of a value of another JSON type; an element of a list has no name.

    Recorded: timfee/cep-idp graph_createPolicy.400.json, 2025-06-11.
    """
    listed = kind.endswith("[]")
    if listed and isinstance(value, list):
        name, kind, listed = "", kind[:-2], False
        value = next(item for item in value if item is None or not _fits(item, kind))
    wanted = "StartArray" if listed else "StartObject" if kind.startswith("object") else "PrimitiveValue"
    found = "StartObject" if isinstance(value, dict) else "StartArray" if isinstance(value, list) else "PrimitiveValue"
    if found == wanted:
        return invalid_value(name or "value")
    return bad_request(
        f"An unexpected '{found}' node was found for property named '{name}' when reading from the JSON reader. "
        f"A '{wanted}' node was expected."
    )


def _fits(value: Any, kind: str) -> bool:
    if value is None:
        # A trailing `!` marks what must not be null; collections are never null in OData.
        return not kind.endswith("!") and "[]" not in kind
    kind = kind.rstrip("!")
    if kind.endswith("[]"):
        return isinstance(value, list) and all(item is not None and _fits(item, kind[:-2]) for item in value)
    if kind == "boolean":
        return isinstance(value, bool)
    return isinstance(value, {"string": str, "object": dict}[kind])

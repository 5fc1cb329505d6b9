"""Compares JSON with the names and types of the official SDK's models."""

import keyword
from typing import Any

from kiota_abstractions.serialization import Parsable
from kiota_serialization_json.json_parse_node import JsonParseNode
from msgraph.generated.models.details_info import DetailsInfo

ANNOTATIONS = ("@odata.context", "@odata.nextLink", "@odata.count", "@odata.type", "@microsoft.graph.tips")
OPEN_TYPES = (DetailsInfo,)
"""Types that are declared to take any property."""
Mismatch = str


def mismatches(value: dict[str, Any], model: type[Parsable], path: str = "") -> list[Mismatch]:
    """Every property that the model does not know, or whose value it cannot take."""
    try:
        parsed = JsonParseNode(value).get_object_value(model)
    except (ValueError, TypeError, AttributeError) as error:
        return [f"{path or model.__name__}: the SDK cannot parse it: {error!r}"]
    return list(_of_object(value, parsed, path or model.__name__))


def foreign(model: Any, path: str = "") -> list[Mismatch]:
    """Every property that lies outside of the known fields of a parsed model, however deep."""
    if isinstance(model, list):
        return [found for item in model for found in foreign(item, f"{path}[]")]
    if not isinstance(model, Parsable) or isinstance(model, OPEN_TYPES):
        return []
    path = path or type(model).__name__
    extra = [f"{path}.{name}: unknown" for name in getattr(model, "additional_data", {}) if name not in ANNOTATIONS]
    for name, read in model.get_field_deserializers().items():
        extra += foreign(getattr(model, _attribute(read), None), f"{path}.{name}")
    return extra


def _attribute(read: Any) -> str:
    """The attribute that a deserializer of the SDK sets: the only name among its constants."""
    return next(constant for constant in read.__code__.co_consts if isinstance(constant, str))


def _of_object(value: dict[str, Any], parsed: Any, path: str):
    known = parsed.get_field_deserializers()
    for name, item in value.items():
        if name in ANNOTATIONS:
            continue
        if name not in known:
            yield f"{path}.{name}: {type(parsed).__name__} has no such property"
            continue
        yield from _of_value(item, getattr(parsed, _attribute(known[name]), None), f"{path}.{name}")


def _of_value(value: Any, parsed: Any, path: str):
    if isinstance(value, list):
        if not isinstance(parsed, list) or len(parsed) != len(value):
            yield f"{path}: a list of {len(value)} became {parsed!r}"[:200]
            return
        for number, (item, found) in enumerate(zip(value, parsed, strict=True)):
            yield from _of_value(item, found, f"{path}[{number}]")
    elif isinstance(value, dict):
        if not isinstance(parsed, Parsable):
            yield f"{path}: an object became {parsed!r}"[:200]
        elif not isinstance(parsed, OPEN_TYPES):
            yield from _of_object(value, parsed, path)
    elif value is not None and not _is_kept(value, parsed):
        yield f"{path}: {value!r} became {parsed!r}"[:200]


def _is_kept(value: Any, parsed: Any) -> bool:
    """Whether a number or a text arrived as one; a text may also be a list of flags, each of them known."""
    if parsed is None:
        return keyword.iskeyword(value)  # the SDK calls the member `Import_` and then does not find it again
    if isinstance(parsed, list):
        return isinstance(value, str) and len(parsed) == len(value.split(","))
    return not isinstance(parsed, Parsable) and (isinstance(value, str) or parsed == value)

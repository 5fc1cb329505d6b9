"""The value types of a fleet file: their rules, messages and JSON Schema."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

DISPLAY_NAME_MAX = 120
NOTES_MAX = 1024  # Graph's limit
VALUE_SHOWN = 60
# Editors read an unquoted 42 or true as a number or boolean; here it is text.
WRITTEN = ["string", "number", "boolean"]


def invalid(what: str, advice: str) -> PydanticCustomError:
    """The error for a value: what is wrong and what to do."""
    # Through a placeholder: braces in the text itself would be read as one.
    return PydanticCustomError("fleet", "{what}", {"what": what, "advice": advice})


def shorten_value(value: object) -> str:
    """A value for messages, quoted and shortened; never for credentials."""
    text = str(value)
    return repr(text if len(text) <= VALUE_SHOWN else text[:VALUE_SHOWN] + "…")


@dataclass(frozen=True)
class Rule:
    """A rule for a text, for use in `Annotated[str, …]`."""

    check: Callable[[str], str]
    schema: dict[str, Any] = field(default_factory=dict, hash=False)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": WRITTEN, **self.schema}


def pattern_rule(pattern: str, what: str, advice: str) -> Rule:
    """The rule that a text fully matches a pattern."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise invalid(f"{shorten_value(value)} {what}", advice)
        return value

    return Rule(check, {"pattern": f"^(?:{pattern})$"})


def _filled(value: str) -> str:
    if not value.strip():
        raise invalid("is blank", "Add a value, or remove the line.")
    return value


def _guid(value: str) -> str:
    if re.fullmatch(GUID, value) is None:
        advice = "Write it as 8-4-4-4-12 hexadecimal digits; the Entra admin center shows it."
        raise invalid(f"{shorten_value(value)} is not an object id (GUID)", advice)
    return value.lower()  # so that ids can be compared as texts


def _notes(value: str) -> str:
    if len(value) > NOTES_MAX:
        what = f"is {len(value)} characters long; Graph allows {NOTES_MAX}"
        raise invalid(what, "Shorten the notes.")
    return _filled(value)


def _display_name(value: str) -> str:
    _filled(value)
    # Graph counts UTF-16 units; 120 leaves room for the ownership tag in its 256.
    length = len(value.encode("utf-16-le", "surrogatepass")) // 2
    if length > DISPLAY_NAME_MAX:
        advice = "Shorten it: the ownership tag is appended while the application is created."
        raise invalid(f"is {length} characters long; at most {DISPLAY_NAME_MAX} are allowed", advice)
    if value != value.strip() or not value.isprintable():
        what = f"{shorten_value(value)} has line breaks, invisible characters, or leading or trailing spaces"
        raise invalid(what, "Remove them; Entra ID would not store the name as written.")
    if "[entra-fleet:" in value.casefold() or "{key}" in value or "{display_name}" in value:
        what = f"{shorten_value(value)} contains an ownership tag or a placeholder"
        raise invalid(what, "Remove [entra-fleet:…], {key} and {display_name}: names are taken literally.")
    return value


def _whole_number(value: object) -> object:
    # A template may fill in a text.
    number = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise invalid(f"{shorten_value(value)} is not a whole number of 1 or more", "Write digits only, such as 50.")
    return number


def _flag(value: object) -> object:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise invalid(f"{shorten_value(value)} is neither true nor false", "Write true or false.")
    return value == "true"


def _date(value: object) -> object:
    if isinstance(value, datetime.date):
        return value
    if re.fullmatch(DATE, str(value)):
        with suppress(ValueError):
            return datetime.date.fromisoformat(str(value))
    raise invalid(f"{shorten_value(value)} is not a date", "Write year, month and day, such as 2027-05-01.")


GUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
NONBLANK = r"[^\s]"

FleetName = Annotated[
    str,
    pattern_rule(
        r"[a-z0-9][a-z0-9-]{0,39}",
        "is not a fleet name",
        "Use a-z, 0-9 and '-', starting with a letter or digit, at most 40 characters.",
    ),
]
Key = Annotated[
    str,
    pattern_rule(
        r"[a-z0-9][a-z0-9-]{0,62}",
        "is not a key",
        "Use a-z, 0-9 and '-', starting with a letter or digit, at most 63 characters.",
    ),
]
Email = Annotated[
    str,
    pattern_rule(r"[^@\s,;]+@[^@\s,;]+", "is not an email address", "Give one address, such as idops@contoso.com."),
]
Guid = Annotated[str, Rule(_guid, {"type": "string", "pattern": f"^{GUID}$"})]
DisplayName = Annotated[str, Rule(_display_name, {"pattern": NONBLANK, "maxLength": DISPLAY_NAME_MAX})]
Line = Annotated[str, Rule(_filled, {"pattern": NONBLANK})]
Notes = Annotated[str, Rule(_notes, {"pattern": NONBLANK})]
WholeNumber = Annotated[
    int,
    BeforeValidator(_whole_number),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 1, "pattern": "^0*[1-9][0-9]*$"}),
]
Flag = Annotated[
    bool,
    BeforeValidator(_flag),
    WithJsonSchema({"enum": [True, False, "true", "false"]}),
]
Date = Annotated[
    datetime.date,
    BeforeValidator(_date),
    WithJsonSchema({"type": "string", "format": "date", "pattern": f"^{DATE}$"}),
]

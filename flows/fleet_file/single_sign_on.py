"""Single sign-on of an instance, as the fleet file describes it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from flows.documents.field_types import WholeNumber, invalid, shorten_value

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

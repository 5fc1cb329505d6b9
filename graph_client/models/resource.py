"""The base of all models: Graph's names, tolerance of unknown values, moments and durations."""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from graph_client.errors import UnreadableAnswer

__all__ = ["Entity", "Many", "Moment", "Resource", "parse_duration", "parse_moment"]


T = TypeVar("T")
# Graph sometimes sends null for an empty collection.
Many = Annotated[tuple[T, ...], BeforeValidator(lambda value: () if value is None else value)]


class Resource(BaseModel):
    """A Graph object: fields are optional, unknown fields are kept, enums are plain strings."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="allow",  # Graph adds properties without a new version
        frozen=True,
        coerce_numbers_to_str=True,  # some texts arrive as numbers
        # The input may be a secret, and the error ends up in logs.
        hide_input_in_errors=True,
    )

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Parse a JSON value; values of an unexpected type are dropped.

        Raises:
            UnreadableAnswer: when it is not an object, or its id is missing.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            # A second try without the values that do not fit: an optional one must not cost the whole object.
            wrong = _details(error)
        try:
            return cls.model_validate(_without(value, [detail["loc"] for detail in wrong]))
        except ValidationError as error:
            left = _details(error)[0]
            # The first fault says more than the gap that dropping the value left.
            first = next((detail for detail in wrong if detail["loc"][: len(left["loc"])] == left["loc"]), left)
            where = ".".join(str(part) for part in first["loc"])
            raise UnreadableAnswer(
                f"Graph's {cls.__name__} cannot be read: {where or 'the object'}: {first['msg']}",
                hint="this version of the client may be older than the API",
            ) from None

    def __repr_args__(self) -> Any:
        # Unknown fields may contain anything, even secrets.
        return [(name, getattr(self, name)) for name in type(self).model_fields]


class Entity(Resource):
    """A Graph object with an id; earlier versions of the API called it objectId."""

    id: str = Field(validation_alias=AliasChoices("id", "objectId"), min_length=1)


def _details(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_context=False, include_input=False)


def _without(value: Any, locations: list[tuple[int | str, ...]]) -> Any:
    """A copy of a JSON value without the values at some locations."""
    result = copy.deepcopy(value)
    # From the back, so that positions in lists stay valid.
    for location in sorted(locations, key=lambda loc: [str(part).zfill(9) for part in loc], reverse=True):
        holder: Any = None
        at: Any = result
        last: int | str = ""
        for part in location:
            inside = (isinstance(at, dict) and part in at) or (
                isinstance(at, list) and isinstance(part, int) and part < len(at)
            )
            if not inside:
                break
            holder, last, at = at, part, at[part]
        if holder is not None:
            del holder[last]
    return result


_DURATION = re.compile(
    r"(?P<sign>[+-])?P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)


def parse_moment(value: Any) -> datetime | None:
    """A moment in UTC; the year 0001, Graph's "never", is None.

    Raises:
        ValueError: when the value is not a moment.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        # Digits beyond microseconds are cut off.
        moment = datetime.fromisoformat(value)
    else:
        raise ValueError("not a moment")  # noqa: TRY004  # pydantic takes only this one
    if moment.year <= 1:  # Graph's "never" is 0001-01-01
        return None
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("out of range") from None


Moment = Annotated[datetime | None, BeforeValidator(parse_moment)]


def parse_duration(text: str | None) -> timedelta | None:
    """The length of an ISO 8601 duration in weeks, days and smaller units; None for anything else.

    TimeSpan.MaxValue, `P10675199DT2H48M5.4775807S`, fits; its seventh digit is cut off.
    """
    found = _DURATION.fullmatch(text or "")
    if found is None or not any(found.group(name) for name in ("weeks", "days", "hours", "minutes", "seconds")):
        return None
    whole, _, fraction = (found.group("seconds") or "0").partition(".")
    try:
        length = timedelta(
            weeks=int(found.group("weeks") or 0),
            days=int(found.group("days") or 0),
            hours=int(found.group("hours") or 0),
            minutes=int(found.group("minutes") or 0),
            seconds=int(whole),
            microseconds=int(fraction[:6].ljust(6, "0")),  # .NET writes seven digits
        )
    except (OverflowError, ValueError):
        return None
    return -length if found.group("sign") == "-" else length

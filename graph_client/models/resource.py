"""The bases of all models: Graph's names, tolerance of unknown values, moments and durations.

A `Resource` validates. A `View` reads its JSON on access: validating a provisioning event with all its steps takes
longer than receiving and storing it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Generic, Self, TypeVar, overload

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from graph_client.errors import UnreadableAnswer

__all__ = [
    "Entity",
    "Many",
    "Moment",
    "Names",
    "Part",
    "Parts",
    "Resource",
    "Text",
    "View",
    "object_of",
    "parse_duration",
    "parse_moment",
    "text_of",
]


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


V = TypeVar("V", bound="View")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class View:
    """A Graph object; `raw` is its JSON as received. What is missing or of an unexpected type is None or empty."""

    __slots__ = ("raw",)

    def __init__(self, raw: Mapping[str, Any] = _NOTHING) -> None:
        self.raw = raw

    def __bool__(self) -> bool:
        return bool(self.raw)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, View) and self.raw == other.raw

    __hash__ = None  # type: ignore[assignment]  # its JSON has none

    def __repr__(self) -> str:
        # The rest may contain anything, even people's names.
        return f"{type(self).__name__}(id={text_of(self.raw, 'id')!r})"


class Text:
    """A text, or a number as text."""

    def __init__(self, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, view: None, kind: type[View]) -> Self: ...
    @overload
    def __get__(self, view: View, kind: type[View]) -> str | None: ...
    def __get__(self, view: View | None, kind: type[View]) -> Self | str | None:
        if view is None:
            return self
        value = view.raw.get(self._name)
        return value if value is None or isinstance(value, str) else text_of(view.raw, self._name)


class Names:
    """An object with arbitrary names; empty if it is missing."""

    def __init__(self, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, view: None, kind: type[View]) -> Self: ...
    @overload
    def __get__(self, view: View, kind: type[View]) -> Mapping[str, Any]: ...
    def __get__(self, view: View | None, kind: type[View]) -> Self | Mapping[str, Any]:
        return self if view is None else object_of(view.raw, self._name)


class Part(Generic[V]):
    """A nested object; empty if it is missing."""

    def __init__(self, name: str, kind: type[V]) -> None:
        self._name, self._kind = name, kind

    @overload
    def __get__(self, view: None, kind: type[View]) -> Self: ...
    @overload
    def __get__(self, view: View, kind: type[View]) -> V: ...
    def __get__(self, view: View | None, kind: type[View]) -> Self | V:
        return self if view is None else self._kind(object_of(view.raw, self._name))


class Parts(Generic[V]):
    """The objects of a collection."""

    def __init__(self, name: str, kind: type[V]) -> None:
        self._name, self._kind = name, kind

    @overload
    def __get__(self, view: None, kind: type[View]) -> Self: ...
    @overload
    def __get__(self, view: View, kind: type[View]) -> tuple[V, ...]: ...
    def __get__(self, view: View | None, kind: type[View]) -> Self | tuple[V, ...]:
        if view is None:
            return self
        value = view.raw.get(self._name)
        return tuple(self._kind(item) for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def object_of(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object with a name; empty if it is missing.

    For a collection, the first one: the documentation has collections where the schema has one object.
    """
    value = raw.get(name)
    # Microsoft's page calls servicePrincipal a collection; samples and live records have one object.
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, dict) else _NOTHING


def text_of(raw: Mapping[str, Any], name: str) -> str | None:
    """The text with a name, or a number as text; None for anything else."""
    value = raw.get(name)
    if value is None or isinstance(value, str):
        return value
    # In Python a boolean is an integer too.
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

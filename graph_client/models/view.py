"""Objects that read their JSON on access, where validating a model of each would be too slow.

Validating a provisioning event with all its steps takes longer than receiving and storing it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Generic, Self, TypeVar, overload

__all__ = ["Names", "Part", "Parts", "Text", "View", "object_of", "text_of"]

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

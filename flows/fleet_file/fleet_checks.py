"""The checks across the instances of a fleet: what must be unique, and what must agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flows.documents.errors import Place, Problem
from flows.documents.field_types import shorten_value
from flows.documents.nodes import Entry, Fields, Items, Text
from flows.fleet_file.include import interpolate_key
from flows.fleet_file.models import Instance
from flows.fleet_file.single_sign_on import ClaimsPolicy


class _Unique(NamedTuple):
    path: tuple[str, ...]
    advice: str
    has_placeholders: bool = False
    """Whether `{key}` in it makes another value of each instance."""


_UNIQUE = (
    _Unique(("key",), "Give each instance a unique key."),
    _Unique(("display_name",), "Give each instance a unique name."),
    _Unique(("adopt",), "An application can belong to only one instance."),
    _Unique(("renamed_from",), "Only one instance can have had this key."),
    _Unique(("sso", "identifiers"), "Identifiers are unique in a tenant; {key} makes one of each instance.", True),
    _Unique(("cross_tenant", "tenant_id"), "A target has one instance: use a scoping filter, or groups, in that one."),
)


def check_fleet(entries: Sequence[Entry], valid: Sequence[tuple[Entry, Instance]], tenant_id: str) -> Iterator[Problem]:
    """What is wrong between instances.

    Args:
        entries: all instances, with their defaults.
        valid: those that are valid by themselves.
        tenant_id: the tenant of the fleet; empty if its header is wrong.
    """
    for unique in _UNIQUE:
        yield from _find_duplicates(entries, unique)
    yield from _find_former_keys_in_use(entries)
    yield from _find_own_targets(entries, tenant_id)
    yield from _find_claims_conflicts(valid)


def _find_duplicates(entries: Sequence[Entry], unique: _Unique) -> Iterator[Problem]:
    first: dict[str, tuple[Entry, Place]] = {}
    for entry in entries:
        for own in _find_texts(entry, unique.path):
            value = _fill(own, entry) if unique.has_placeholders else _text(own).casefold()
            holder, before = first.setdefault(value, (entry, own.place))
            if holder is entry or not value.strip():
                continue
            place = own.place
            if place == before:
                # Both have it from the same line of the defaults.
                place, before = entry.place, holder.place
            yield Problem(place, f"{shorten_value(_text(own))} is already used: {before}", unique.advice)


def _fill(own: Entry, instance: Entry) -> str:
    names = (_text(_find(instance, (name,))) for name in ("key", "display_name"))
    return str(interpolate_key({"notes": _text(own)}, *names)["notes"])


def _find_former_keys_in_use(entries: Sequence[Entry]) -> Iterator[Problem]:
    taken = {_text(_find(entry, ("key",))): entry for entry in entries}
    for entry in entries:
        own = _find(entry, ("renamed_from",))
        holder = taken.get(_text(own), entry)
        if own and _text(own) and holder is not entry:
            what = f"{shorten_value(_text(own))} is still the key of another instance: {holder.place}"
            yield Problem(own.place, what, "Rename that one first, or correct renamed_from.")


def _find_own_targets(entries: Sequence[Entry], tenant_id: str) -> Iterator[Problem]:
    for entry in entries:
        own = _find(entry, ("cross_tenant", "tenant_id"))
        if own and tenant_id and _text(own).casefold() == tenant_id:
            what = f"{tenant_id} is the tenant of the fleet itself"
            yield Problem(own.place, what, "Write the id of the tenant that users are synchronized into.")


def _find_claims_conflicts(valid: Sequence[tuple[Entry, Instance]]) -> Iterator[Problem]:
    """Claims policies of one name that differ: each is one policy, for all instances that name it."""
    first: dict[str, tuple[ClaimsPolicy, Place]] = {}
    for entry, instance in valid:
        own = _find(entry, ("sso", "claims"))
        if own is None or instance.sso is None or instance.sso.claims is None:
            continue
        claims, before = first.setdefault(instance.sso.claims.name, (instance.sso.claims, own.place))
        if claims.definition != instance.sso.claims.definition:
            what = f"{shorten_value(claims.name)} has another definition: {before}"
            yield Problem(own.place, what, "Give one of the two policies another name.")


def _find(entry: Entry, path: Sequence[str]) -> Entry | None:
    for name in path:
        inner = entry.node.entries.get(name) if isinstance(entry.node, Fields) else None
        if inner is None:
            return None
        entry = inner
    return entry


def _find_texts(entry: Entry, path: Sequence[str]) -> list[Entry]:
    """The text at a path, or the texts of the list there."""
    found = _find(entry, path)
    if found is None:
        return []
    inner = found.node.entries if isinstance(found.node, Items) else [found]
    return [each for each in inner if isinstance(each.node, Text)]


def _text(entry: Entry | None) -> str:
    return entry.node.value if entry and isinstance(entry.node, Text) else ""

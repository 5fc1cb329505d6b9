"""The differences of a schema from the desired mappings, field by field: who changed it, and what is dangerous."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flows.mappings.merge import DesiredMapping, row_named, same_field
from flows.mappings.models import SCOPES, AttributeMapping, ObjectMapping
from flows.mappings.rows import describe_rowless, format_row, row_texts

Origin = Literal["", "file", "tenant", "both"]
"""Who changed it since it was last applied; empty if unknown."""

EVERYBODY = "everybody"
MATCHING = "matching attribute"
SCOPING = "scoping filter"
DELETES = "deletes enabled"
REMOVED = "mapping removed"
DISABLED = "no longer provisioned"


@dataclass(frozen=True)
class Difference:
    """One difference from the desired mappings."""

    field: str
    before: str | None
    after: str | None
    origin: Origin = ""
    danger: str = ""
    """What is dangerous about it, in a word or two; empty if nothing is."""
    location: tuple[int | str, ...] = ()
    """Its place in the file."""


def diff_mappings(desired_mappings: Iterable[DesiredMapping]) -> list[Difference]:
    """Return all differences from the desired mappings, in the order of the file."""
    desired_mappings = list(desired_mappings)
    sources = [desired.found.table.source for desired in desired_mappings]
    found: list[Difference] = []
    for desired in desired_mappings:
        table = desired.found.table
        title = f"mappings.{table.source}"
        # The target is named only where the source alone would be ambiguous.
        if sources.count(table.source) > 1:
            title = f"{title} to {table.target}"
        found += _fields(desired, title)
        found += _rows(desired, f"{title}.attributes")
    return found


def format_value(name: str, value: Any) -> str | None:
    """Return the value of an object mapping's field as text."""
    if name in SCOPES and value is not None:
        return " or ".join(value) or EVERYBODY
    return str(value).lower() if isinstance(value, bool) else value


def _fields(desired: DesiredMapping, title: str) -> Iterator[Difference]:
    now, last = desired.found.table, desired.applied
    for name, value in desired.fields.items():
        before = getattr(now, name)
        if before is None and name in SCOPES:
            # No scope and an empty one mean the same: all users.
            before = ()
        if same_field(name, before, value):
            continue
        old = getattr(last, name) if last else None
        known = None if old is None else (same_field(name, before, old), same_field(name, value, old))
        yield Difference(
            f"{title}.{name}",
            format_value(name, before),
            format_value(name, value),
            _origin(known, last),
            _danger_of_field(name, before, value, now, desired.fields),
            (*desired.location, name) if desired.location else (),
        )


def _rows(desired: DesiredMapping, title: str) -> Iterator[Difference]:
    now = desired.found.table
    for name, row in desired.rows.items():
        before = row_named(now.attributes, name)
        old = row_named(desired.applied.attributes, name) if desired.applied else None
        location = (*desired.location, "attributes", name) if desired.location else ()
        if before is None:
            # It was applied once and is missing now: it was removed, or changed to one without a row.
            origin: Origin = "tenant" if old else "file" if desired.applied else ""
            danger = MATCHING if row.matching or _matches(desired, name) else ""
            yield Difference(f"{title}.{name}", _as_text(desired, name), format_row(row), origin, danger, location)
        else:
            yield from _columns(f"{title}.{name}", before[1], row, old[1] if old else None, desired.applied, location)
    for name in desired.removed:
        danger = MATCHING if _matches(desired, name) else REMOVED
        unmapped = desired.applied is not None and name.casefold() in {
            each.casefold() for each in desired.applied.unmapped
        }
        origin = "" if not desired.applied else "tenant" if unmapped else "file"
        location = (*desired.location, "unmapped")
        yield Difference(f"{title}.{name}", _as_text(desired, name), None, origin, danger, location)
    for name, mappings in desired.restored.items():
        danger = MATCHING if _matches(desired, name) or any(each.get("matchingPriority") for each in mappings) else ""
        yield Difference(f"{title}.{name}", _as_text(desired, name), describe_rowless(mappings), "file", danger)


def _as_text(desired: DesiredMapping, name: str) -> str | None:
    """The job's mapping of a target attribute; None if it has none."""
    row = row_named(desired.found.table.attributes, name)
    rowless = desired.found.rowless.get(name.casefold())
    return format_row(row[1]) if row else describe_rowless(rowless) if rowless else None


def _matches(desired: DesiredMapping, name: str) -> bool:
    """Whether the job currently matches objects by a target attribute."""
    row = row_named(desired.found.table.attributes, name)
    rowless = desired.found.rowless.get(name.casefold(), ())
    return bool(row and row[1].matching) or any(each.get("matchingPriority") for each in rowless)


def _columns(
    title: str,
    before: AttributeMapping,
    wanted: AttributeMapping,
    old: AttributeMapping | None,
    last: ObjectMapping | None,
    location: Sequence[int | str],
) -> Iterator[Difference]:
    # A change of a matching attribute breaks the joins of accounts that exist already.
    matches = bool(before.matching or wanted.matching)
    texts, olds = row_texts(before), row_texts(old) if old else {}
    for column, (after, essence) in row_texts(wanted).items():
        shown_before, essence_before = texts.get(column, (None, None))
        if essence == essence_before:
            continue
        essence_old = olds.get(column)
        known = essence_old and (essence_before == essence_old[1], essence == essence_old[1])
        danger = MATCHING if matches and column in {"source", "matching"} else ""
        yield Difference(f"{title}.{column}", shown_before, after, _origin(known, last), danger, tuple(location))


def _origin(known: tuple[bool, bool] | None, last: ObjectMapping | None) -> Origin:
    """Who changed it, judged by whether the tenant and the file still have what was last applied."""
    if last is None:
        return ""
    if known is None:
        return "file"  # not in the file then
    as_tenant, as_file = known
    # Whichever still equals what was applied has not changed; so the other one has.
    return "file" if as_tenant else "tenant" if as_file else "both"


def _danger_of_field(name: str, before: Any, after: Any, now: ObjectMapping, wanted: Any) -> str:
    if name in SCOPES:  # any change of a scope: users may enter or leave
        return SCOPING
    if name == "enabled":
        deletes = "delete" in str(wanted.get("flow", now.flow))
        return DISABLED if not after else DELETES if deletes else ""
    if name == "flow":
        return DELETES if "delete" in str(after) and "delete" not in str(before) else ""
    return ""

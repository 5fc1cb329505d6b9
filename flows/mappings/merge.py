"""The desired mappings of a job, and how its schema differs from them: who changed it, and what is dangerous.

They are a merge of the file, what was last applied, and the current schema. What the file lists is desired as listed.
What it listed when last applied but no longer lists returns to the template's default, unless it was changed since.
Everything else stays unchanged.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flows.documents.errors import Problem
from flows.mappings.models import SCOPES, AttributeMapping, Mappings, ObjectMapping
from flows.mappings.rows import describe_rowless, format_row, normalize_value, read_object, row_texts
from flows.mappings.table import Found, find_object_mapping, is_nameable, matching, same_groups

FIELDS = ("enabled", "flow", *SCOPES, "extra")


@dataclass(frozen=True)
class DesiredMapping:
    """The desired state of one object mapping."""

    found: Found
    location: tuple[int | str, ...] = ()
    """Its entry in the file; None if the file no longer lists it."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, AttributeMapping] = field(default_factory=dict)
    """By target attribute, as the tenant spells it."""
    removed: tuple[str, ...] = ()
    """Target attributes that must not be mapped, as the tenant spells them."""
    restored: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """The template's mappings of target attributes removed from the file, where no row can express them."""
    applied: ObjectMapping | None = None
    """What was last applied."""


def desired_mappings(
    wanted: Mappings, applied: Mappings | None, template: Mapping[str, Any] | None, now: Mapping[str, Any]
) -> tuple[list[DesiredMapping], list[Problem]]:
    """Return the desired state of each object mapping, and the problems in the file.

    Args:
        wanted: The file.
        applied: What was last applied; None if unknown.
        template: The initial schema of a new job; None if unknown.
        now: The job's schema.
    """
    found = find_object_mapping(now)
    defaults = find_object_mapping(template or {})
    before = applied.object_mappings if applied else ()
    made, problems = [], []
    for index, each in enumerate(wanted.object_mappings):
        location = ("object_mappings", index)
        matches = matching(each, found)
        # Never a guess: a wrong object mapping would reconfigure another kind of objects.
        if len(matches) != 1:
            problems.append(_unmatched(each, matches, found, wanted.places.of(*location)))
            continue
        problems += _ambiguous(each, matches[0], wanted, location)
        # By what it matches, not by its name: the file may have been rewritten in between.
        last = next((old for old in before if matching(old, found) == matches), None)
        made.append(_merge_object(matches[0], location, each, last, _default(matches[0], defaults)))
    named = {(each.found.rule_index, each.found.index) for each in made}
    for old in before:
        # Removed from the file: what we applied goes back to the template's default.
        for match in matching(old, found)[:1]:
            if (match.rule_index, match.index) not in named and not problems:
                nothing = ObjectMapping(source=old.source, target=old.target)
                made.append(_merge_object(match, (), nothing, old, _default(match, defaults)))
    return made, problems


def same_field(name: str, left: Any, right: Any) -> bool:
    """Return whether two values of an object mapping's field are equivalent."""
    if left is None or right is None:
        return left is right
    if name in SCOPES:
        return same_groups(left, right)
    return bool(
        normalize_value(read_object(left)) == normalize_value(read_object(right)) if name == "extra" else left == right
    )


def same_row(left: AttributeMapping, right: AttributeMapping) -> bool:
    """Return whether two rows are equivalent, ignoring properties that only one of them has."""
    mine, others = row_texts(left), row_texts(right)
    return all(mine[name][1] == others[name][1] for name in mine.keys() & others.keys())


def row_named(rows: Mapping[str, AttributeMapping], name: str) -> tuple[str, AttributeMapping] | None:
    """Return the row of a target attribute, ignoring case, with its own spelling."""
    if name in rows:
        return name, rows[name]
    return next(((each, row) for each, row in rows.items() if each.casefold() == name.casefold()), None)


def _merge_object(
    found: Found,
    location: tuple[int | str, ...],
    wanted: ObjectMapping,
    last: ObjectMapping | None,
    default: Found | None,
) -> DesiredMapping:
    now = found.table
    fields = {name: value for name in FIELDS if (value := getattr(wanted, name)) is not None}
    rows = {found.spelling_of(name) or name: row for name, row in wanted.attributes.items()}
    removed = [spelled for name in wanted.unmapped if (spelled := found.spelling_of(name)) is not None]
    restored: dict[str, Sequence[Mapping[str, Any]]] = {}
    if last and default:
        fields |= _fields_let_go(wanted, last, now, default.table)
        for name in _let_go(wanted, last, found):
            spelled = found.spelling_of(name) or default.spelling_of(name) or name
            if original := row_named(default.table.attributes, name):
                rows[spelled] = original[1]
            elif rowless := default.rowless.get(name.casefold()):
                restored[spelled] = rowless
            elif found.spelling_of(name) is not None:
                removed.append(spelled)
    return DesiredMapping(found, location, fields, rows, tuple(removed), restored, last)


def _fields_let_go(
    wanted: ObjectMapping, last: ObjectMapping, now: ObjectMapping, default: ObjectMapping
) -> Iterator[tuple[str, Any]]:
    for name in FIELDS:
        if getattr(wanted, name) is None and getattr(last, name) is not None:
            # What someone has changed since is theirs now.
            untouched = same_field(name, getattr(last, name), getattr(now, name))
            if untouched and getattr(default, name) is not None:
                yield name, getattr(default, name)


def _let_go(wanted: ObjectMapping, last: ObjectMapping, found: Found) -> Iterator[str]:
    """Yield the target attributes that the file listed when last applied and that are unchanged since."""
    spoken_of = {name.casefold() for name in (*wanted.attributes, *wanted.unmapped)}
    for name, row in last.attributes.items():
        there = row_named(found.table.attributes, name)
        if name.casefold() not in spoken_of and there and same_row(row, there[1]):
            yield name
    for name in last.unmapped:
        if name.casefold() not in spoken_of and found.spelling_of(name) is None:
            yield name


def _default(match: Found, defaults: Sequence[Found]) -> Found | None:
    """The template's object mapping: by all its names, or by its object types alone if that is unique."""
    by_name = [each for each in defaults if each.table.identity == match.table.identity]
    by_kind = [each for each in defaults if each.table.identity[:2] == match.table.identity[:2]]
    return next((each[0] for each in (by_name, by_kind) if len(each) == 1), None)


def _ambiguous(
    wanted: ObjectMapping, found: Found, file: Mappings, location: tuple[int | str, ...]
) -> Iterator[Problem]:
    """Yield the rows of a file that match several mappings."""
    for name in wanted.attributes:
        place = file.places.of(*location, "attributes", name)
        times = len(found.rowless.get(name.casefold(), ()))
        if not is_nameable(name):
            yield Problem(
                place, "this target attribute cannot be used as a row", "Remove it; the job keeps its current mapping."
            )
        elif times > 1:
            what = f"the schema maps {found.spelling_of(name)} {times} times, but a row replaces one mapping"
            yield Problem(
                place, what, "Delete the surplus mappings in the portal, or remove all of them here with unmapped."
            )


def _unmatched(wanted: ObjectMapping, matches: list[Found], found: list[Found], place: Any) -> Problem:
    title = f"{wanted.source} to {wanted.target}"
    if matches:
        names = ", ".join(f"{each.table.rule} / {each.table.name}" for each in matches)
        return Problem(
            place, f"the schema maps {title} {len(matches)} times: {names}", "Add rule and name to select one."
        )
    known = ", ".join(dict.fromkeys(f"{each.table.source} to {each.table.target}" for each in found)) or "nothing"
    advice = "Correct source and target; a file cannot add an object mapping to a schema."
    return Problem(place, f"the schema does not map {title}; it maps {known}", advice)


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

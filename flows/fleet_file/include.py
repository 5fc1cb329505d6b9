"""Collecting all instances of a fleet from a file or object: sections, defaults and included files."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from flows.documents.errors import FleetFileError, Place, Problem, format_refusal, suggest_nearest
from flows.documents.field_types import shorten_value
from flows.documents.files import Sources
from flows.documents.nodes import Entry, Fields, Items, Node, Plain, Text, name_kind
from flows.fleet_file.single_sign_on import ClaimsPolicy
from flows.mappings.models import Mappings

PLACEHOLDER = re.compile(r"\{(key|display_name)\}")
INSTANCE_ONLY = ("key", "renamed_from", "display_name", "adopt")


def merge_defaults(below: Fields, above: Fields) -> Fields:
    """The fields of both; `above` wins, except that maps merge, claims policies aside."""
    entries = below.entries | above.entries
    for name in below.entries.keys() & above.entries.keys():
        under, over = below.entries[name].node, above.entries[name].node
        # Half of one claims policy and half of another would be neither.
        if name != "claims" and isinstance(under, Fields) and isinstance(over, Fields):
            entries[name] = above.entries[name]._replace(node=merge_defaults(under, over))
    return Fields(entries, below.size + above.size)


def interpolate_key(values: dict[str, Plain], key: Plain, display_name: Plain) -> dict[str, Plain]:
    """The values with `{key}` and `{display_name}` filled in where allowed: credentials, notes, sign_in and sso.

    Claims are left as they are: the policy is one for all who name it.
    """
    names = {"key": str(key), "display_name": str(display_name)}

    def fill(value: Plain) -> Plain:
        return PLACEHOLDER.sub(lambda match: names[match[1]], value) if isinstance(value, str) else value

    def fill_all(value: Plain) -> Plain:
        if isinstance(value, dict):
            return {name: fill_all(inner) for name, inner in value.items()}
        return [fill_all(each) for each in value] if isinstance(value, list) else fill(value)

    filled = dict(values)
    if isinstance(sso := values.get("sso"), dict):
        filled["sso"] = {name: value if name == "claims" else fill_all(value) for name, value in sso.items()}
    if isinstance(cross_tenant := values.get("cross_tenant"), dict) and "sign_in" in cross_tenant:
        filled["cross_tenant"] = {**cross_tenant, "sign_in": fill(cross_tenant["sign_in"])}
    if "notes" in values:
        filled["notes"] = fill(values["notes"])
    credentials = values.get("credentials")
    if isinstance(credentials, dict):
        filled["credentials"] = {name: fill(value) for name, value in credentials.items()}
    return filled


SECTIONS = ("defaults", "instances", "include")
MAPPING_FILES = "mapping_files"
"""Section of an object: the content of mappings and claims files, by the name that instances use."""
HEADER = ("fleet", "tenant_id")
_NAMED_FILES = {
    "mappings": (tuple(Mappings.model_fields), "'object_mappings:'; entra-fleet schema export can create one."),
    "claims": (tuple(ClaimsPolicy.model_fields), "'name:' and 'definition:'."),
}
"""The fields whose value may be the path of a file: what such a file contains, and how it begins."""
SUFFIXES = (".yaml", ".yml", ".json", ".csv")


@dataclass
class Gathered:
    """The content of a fleet's files, before the fields are validated."""

    header: Entry
    defaults: list[Entry] = field(default_factory=list)
    instances: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def gather(root: Entry, path: Path | None, sources: Sources) -> Gathered:
    """Collect the instances of a fleet, each with the defaults that apply to it.

    Args:
        root: the top level of the file or object.
        path: the file that `include` is relative to; None for an object, which cannot include.
        sources: reads the included files.
    """
    sections = SECTIONS if path else (*SECTIONS, MAPPING_FILES)
    beginning = "'fleet:', 'tenant_id:' and 'instances:'."
    fields = _require_fields(root, (*HEADER, "renamed_from", *sections), "fleet file", beginning)
    if path is not None and path.suffix.lower() == ".csv":
        what = "a CSV file contains only instances, not a fleet"
        raise format_refusal(Place(str(path)), what, "Add it to 'include:' in a YAML fleet file.")
    header = {name: entry for name, entry in fields.entries.items() if name not in sections}
    gathered = Gathered(root._replace(node=Fields(header)))
    mappings = None if path else fields.entries.get(MAPPING_FILES)
    _File(gathered, sources, path, [], mappings).collect(fields, Fields())
    return gathered


@dataclass
class _File:
    gathered: Gathered
    sources: Sources
    path: Path | None
    parents: list[Path]
    mapping_files: Entry | None = None

    def problem(self, place: Place, what: str, advice: str) -> None:
        self.gathered.problems.append(Problem(place, what, advice))

    def collect(self, root: Fields, outer: Fields) -> None:
        defaults = self.defaults(root, outer)
        for entry in self.section(root, "instances"):
            if isinstance(entry.node, Fields):
                own = self.with_files(entry.node)
                self.gathered.instances.append(entry._replace(node=merge_defaults(defaults, own)))
            else:
                advice = "Start it with '- key: …'."
                self.problem(entry.place, f"{name_kind(entry.node)}, not an instance", advice)
        for entry in self.section(root, "include"):
            if self.path is None:
                advice = "Put the instances in the object, or give the path of a file."
                self.problem(entry.place, "an object cannot include files", advice)
            elif not isinstance(entry.node, Text) or entry.node.nothing:
                self.problem(entry.place, f"{name_kind(entry.node)}, not a path", "Write it as teams/*.yaml.")
            else:
                self.include(self.path, entry.node.value, entry.place, defaults)

    def defaults(self, root: Fields, outer: Fields) -> Fields:
        entry = root.entries.get("defaults")
        if entry is None or _nothing(entry.node):
            return outer
        if not isinstance(entry.node, Fields):
            advice = "Write one 'name: value' per line, indented below 'defaults:'."
            self.problem(entry.place, f"{name_kind(entry.node)}, not a map of fields", advice)
            return outer
        own = self.with_files(entry.node)
        self.gathered.defaults.append(entry._replace(node=own))
        # They are reported as problems, and must not make every instance wrong as well.
        shared = {name: one for name, one in own.entries.items() if name not in INSTANCE_ONLY}
        return merge_defaults(outer, Fields(shared))

    def with_files(self, fields: Fields) -> Fields:
        """The fields, with the content of mappings and claims files instead of their paths."""
        fields = self.with_file(fields, "mappings")
        sso = fields.entries.get("sso")
        if sso is None or not isinstance(sso.node, Fields):
            return fields
        whole = sso._replace(node=self.with_file(sso.node, "claims"))
        return Fields({**fields.entries, "sso": whole}, fields.size)

    def with_file(self, fields: Fields, field: str) -> Fields:
        """The fields, one of them with the content of the file that it names."""
        entry = fields.entries.get(field)
        if entry is None or not isinstance(entry.node, Text) or entry.node.nothing:
            return fields
        others = {name: one for name, one in fields.entries.items() if name != field}
        try:
            return Fields({**others, field: self.read_named(field, entry, entry.node.value)}, fields.size)
        except FleetFileError as error:
            self.gathered.problems.extend(error.problems)
            return Fields(others, fields.size)

    def read_named(self, field: str, entry: Entry, name: str) -> Entry:
        """The content of a file, whose path is relative to the file that references it."""
        if self.path is not None:
            root = self.sources.read_shared(self.path.parent / name)
            known_fields, beginning = _NAMED_FILES[field]
            _require_fields(root, known_fields, f"{field} file", beginning)
            return root
        known = (
            self.mapping_files.node.entries
            if self.mapping_files and isinstance(self.mapping_files.node, Fields)
            else {}
        )
        if name not in known:
            advice = "Put its content there, or give the path of a fleet file."
            raise format_refusal(
                entry.place, f"an object cannot reference a {field} file ({shorten_value(name)})", advice
            )
        return known[name]._replace(place=entry.place)

    def section(self, root: Fields, name: str) -> list[Entry]:
        entry = root.entries.get(name)
        if entry is None or _nothing(entry.node):
            return []
        if isinstance(entry.node, Items):
            return entry.node.entries
        self.problem(entry.place, f"{name_kind(entry.node)}, not a list", "Start each item with '- '.")
        return []

    def include(self, including: Path, pattern: str, place: Place, defaults: Fields) -> None:
        found = _matches(including.parent, pattern)
        if not found:
            advice = "Correct the path, which is relative to this file."
            self.problem(place, f"{shorten_value(pattern)} matches no file", advice)
        for path in found:
            try:
                self.include_file(including, path, place, defaults)
            except FleetFileError as error:
                self.gathered.problems.extend(error.problems)

    def include_file(self, including: Path, path: Path, place: Place, defaults: Fields) -> None:
        if path.suffix.lower() not in SUFFIXES:
            advice = f"Rename it to end in {', '.join(SUFFIXES)}, or narrow the pattern."
            raise format_refusal(place, f"{path} is not a YAML, JSON or CSV file", advice)
        chain = [*self.parents, including.resolve()]
        if path.resolve() in chain:
            advice = "Narrow the pattern: a file cannot include itself, directly or indirectly."
            raise format_refusal(place, f"{path} is included circularly", advice)
        # By what it resolves to: links and `..` are other names of the same file.
        if path.resolve() in self.sources.seen:
            raise format_refusal(place, f"{path} is included twice", "Match it with only one pattern.")
        root = self.sources.read(path)
        fields = _require_fields(root, (*SECTIONS, *HEADER), "file of instances", "'instances:'.")
        inner = _File(self.gathered, self.sources, path, chain)
        for name, entry in fields.entries.items():
            if name not in SECTIONS:
                inner.problem(entry.place, *_foreign(name))
        inner.collect(fields, defaults)


def _require_fields(root: Entry, known: Sequence[str], what: str, beginning: str) -> Fields:
    """Return the map at the top level; refuse anything else, and a map with none of the expected fields.

    The content is not quoted: the person who starts a run chooses the path, which may be any file that this process
    can read.
    """
    if not isinstance(root.node, Fields):
        reason = f"the top level {name_kind(root.node)}, not a map of fields"
    elif root.node.entries and not any(suggest_nearest(name, known) for name in root.node.entries):
        reason = f"is not a {what}: it has none of its fields"
    else:
        return root.node
    # Cause: A fleet file starts with 'fleet:', 'tenant_id:' and 'instances:', an included file with 'instances:', a
    # mappings file with 'object_mappings:', which entra-fleet schema export can create.
    raise format_refusal(root.place, reason, f"Start with {beginning}")


def _matches(folder: Path, pattern: str) -> list[Path]:
    """The files matching a pattern, sorted by name; an existing path is used as is."""
    with suppress(OSError, ValueError):
        if (folder / pattern).is_file():
            return [folder / pattern]
        # As in a shell, and unlike Path.glob: hidden files do not match, absolute patterns do.
        names = sorted(glob.glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207
        return [folder / name for name in names if (folder / name).is_file()]
    return []


def _foreign(name: str) -> tuple[str, str]:
    if name in HEADER:
        return "belongs in the top-level file", "Remove it here."
    meant = suggest_nearest(name, SECTIONS)
    known = "An included file may have defaults, instances and include."
    return "unknown field", f"Did you mean {meant}?" if meant else known


def _nothing(node: Node) -> bool:
    return isinstance(node, Text) and node.nothing

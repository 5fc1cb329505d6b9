"""The fleet file for what exists already."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from flows.adopt.instance import Adopted, NotAdoptable, build_adopted_instance, choose_key
from flows.adopt.unmanaged import Unmanaged
from flows.tenant.instance_state import ObservedInstance

_HEAD = """\
Written by entra-fleet adopt from the tenant, which was not changed.
1. Make every reference resolve to its secret: an environment variable, or ${file:…}, ${block:…}, ${keyvault:…} instead.
2. entra-fleet plan then shows only ownership tags to write, and entra-fleet apply writes them.
3. After that you can keep or remove the `adopt` lines."""


@dataclass(frozen=True)
class AdoptionFile:
    """A fleet file, and what was left out of it."""

    text: str
    instances: int
    left_out: tuple[str, ...]


def build_adoption_file(fleet: str, tenant_id: str, unmanaged: Unmanaged) -> AdoptionFile:
    """Return a fleet file whose plan only writes ownership tags."""
    instances, left_out = _instances(unmanaged)
    left_out += [f"{_called(item)}: it has the ownership tag {item.mark.tag}" for item in unmanaged.others if item.mark]
    templates = {each.fields["template"] for each in instances}
    document = CommentedMap(fleet=fleet, tenant_id=tenant_id)
    document.yaml_set_start_comment(_HEAD)
    if len(templates) == 1:
        document["defaults"] = CommentedMap(template=templates.pop())
    shared = set(document.get("defaults", ()))
    document["instances"] = CommentedSeq([_entry(each, shared) for each in instances])
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = 100_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(document, stream)
    tail = "".join(f"#   {line}\n" for line in left_out)
    text = stream.getvalue() + (f"# Left out:\n{tail}" if tail else "")
    return AdoptionFile(text, len(instances), tuple(left_out))


def _instances(unmanaged: Unmanaged) -> tuple[list[Adopted], list[str]]:
    instances, left_out = [], []
    keys, names = set(unmanaged.taken), dict[str, str]()
    for item in unmanaged.found:
        key = item.key or choose_key(item.display_name, keys)
        try:
            _refuse_namesake(item, names)
            instances.append(build_adopted_instance(item, key, unmanaged.templates.get(item.template_id or "", "")))
        except NotAdoptable as reason:
            left_out.append(f"{_called(item)}: {reason}")
        else:
            keys.add(key)
            names[item.display_name.casefold()] = key
    return instances, left_out


def _refuse_namesake(item: ObservedInstance, names: dict[str, str]) -> None:
    if key := names.get(item.display_name.casefold()):
        raise NotAdoptable(f"{key} already has that display name; rename one of them, then adopt again")


def _called(item: ObservedInstance) -> str:
    return f"{' '.join(item.display_name.split())} ({item.application_id or item.app_id})"


def _entry(each: Adopted, shared: Iterable[str]) -> CommentedMap:
    entry = CommentedMap({name: _value(value) for name, value in each.fields.items() if name not in shared})
    for name in each.references:
        entry["credentials"].yaml_add_eol_comment("to be filled in", name)
    if each.remarks:
        notes = [f"Note: {' '.join(remark.split())}" for remark in each.remarks]
        entry.yaml_set_start_comment("\n".join(notes), indent=2)
    return entry


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return CommentedMap(value)
    if isinstance(value, list):
        return CommentedSeq([_inline(each) if isinstance(each, dict) else each for each in value])
    return value


def _inline(fields: dict[str, str]) -> CommentedMap:
    line = CommentedMap(fields)
    line.fa.set_flow_style()
    return line

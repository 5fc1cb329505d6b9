"""The fleet file: YAML or JSON, with included YAML, JSON and CSV, into a checked `Fleet`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from flows.reconcile.fleet import Fleet, Instance
from flows.reconcile.fleet_file_checks import (
    check_defaults,
    check_header,
    check_instance,
    check_renames,
    duplicates,
)
from flows.reconcile.fleet_file_errors import FleetFileError, Place, Problem
from flows.reconcile.fleet_file_include import Gathered, gather
from flows.reconcile.fleet_file_sources import Sources
from flows.reconcile.fleet_file_tree import Entry, from_object, plain

__all__ = ["FleetFileError", "fleet_from_object", "load_fleet"]


def load_fleet(path: str | PathLike[str]) -> Fleet:
    """Read a fleet file with everything that it includes.

    Raises:
        FleetFileError: a file cannot be read or something in it is wrong; it names each place.
    """
    sources = Sources()
    root = sources.read(Path(path))
    gathered = gather(root, Path(path), sources)
    return _checked(gathered, sources.sha256)


def fleet_from_object(obj: Mapping[str, Any]) -> Fleet:
    """Check a fleet that is there as Python values, such as the parameter of a flow.

    Args:
        obj: the same fields as in a file, without `include`; None counts as absent.

    Raises:
        FleetFileError: something in it is wrong; it names each field.
    """
    root = from_object(obj, Place())
    canonical = json.dumps(plain(root), sort_keys=True, separators=(",", ":"))
    gathered = gather(Entry(Place(), root), None, Sources())
    return _checked(gathered, hashlib.sha256(canonical.encode()).hexdigest())


def _checked(gathered: Gathered, sha256: str) -> Fleet:
    header, problems = check_header(gathered.header)
    problems += gathered.problems
    for defaults in gathered.defaults:
        problems += check_defaults(defaults)
    instances: list[Instance] = []
    for entry in gathered.instances:
        instance, wrong = check_instance(entry)
        problems += wrong
        if instance:
            instances.append(instance)
    problems += duplicates(gathered.instances, "key", "Give each instance a key of its own.")
    problems += duplicates(gathered.instances, "display_name", "Give each instance a name of its own.")
    problems += duplicates(gathered.instances, "adopt", "An application can be only one instance.")
    problems += check_renames(gathered.instances)
    if not gathered.instances and not problems:
        what, advice = "the fleet has no instances", "Add at least one below 'instances:', or include a file."
        problems.append(Problem(gathered.header.place, what, advice))
    if problems or header is None:
        raise FleetFileError(problems)
    return Fleet(**header.model_dump(), instances=tuple(instances), sha256=sha256)

"""The fleet file: YAML or JSON, with included YAML, JSON and CSV, into a checked `Fleet`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

from pydantic import WithJsonSchema

from flows.documents.errors import FleetFileError, Place, Problem
from flows.documents.files import Sources
from flows.documents.nodes import Entry, from_object, to_plain
from flows.fleet_file.checks import check_defaults, check_header, check_instance
from flows.fleet_file.fleet_checks import check_fleet
from flows.fleet_file.include import Gathered, gather
from flows.fleet_file.json_schema import fleet_parameter_schema
from flows.fleet_file.models import Fleet, Instance

FleetParameter = Annotated[str | dict[str, Any], WithJsonSchema(fleet_parameter_schema())]
"""A flow's `fleet`. Prefect's server stores parameters before a run reads them, and validates them by the schema."""


_READ: ContextVar[tuple[str, Fleet] | None] = ContextVar("fleet that was read", default=None)


@contextmanager
def use_fleet(path: str, fleet: Fleet) -> Iterator[None]:
    """Have `read_fleet` return a fleet that its caller has read from this path already.

    A flow has the path as its parameter, for Prefect stores parameters and a fleet may be large. A command that runs
    the flow applies what it has shown, whatever becomes of the file meanwhile.
    """
    token = _READ.set((path, fleet))
    try:
        yield
    finally:
        _READ.reset(token)


def known_fleet(path: str) -> Fleet | None:
    """Return the fleet that the caller of `use_fleet` has read from this path, if it is one."""
    read_from, fleet = _READ.get() or ("", None)
    return fleet if read_from == path else None


def read_fleet(fleet: str | Mapping[str, Any]) -> Fleet:
    """Return the fleet of a flow's `fleet` parameter: a path on the worker, or the content itself.

    Raises:
        FleetFileError: The file cannot be read or is invalid.
    """
    if isinstance(fleet, str):
        return known_fleet(fleet) or load_fleet(Path(fleet))
    return fleet_from_object(fleet)


__all__ = ["FleetFileError", "fleet_from_object", "load_fleet"]


def load_fleet(path: str | PathLike[str]) -> Fleet:
    """Read a fleet file with everything it includes.

    Raises:
        FleetFileError: a file cannot be read or something in it is wrong; it names each place.
    """
    sources = Sources()
    root = sources.read(Path(path))
    gathered = gather(root, Path(path), sources)
    return _checked(gathered, sources.sha256)


def fleet_from_object(obj: Mapping[str, Any]) -> Fleet:
    """Check a fleet given as Python values, such as a flow parameter.

    Args:
        obj: the same fields as in a file, without `include`; None counts as absent.

    Raises:
        FleetFileError: something in it is wrong; it names each field.
    """
    root = from_object(obj, Place())
    # Canonical, so that the digest does not depend on the order in which Prefect stores the parameter.
    canonical = json.dumps(to_plain(root), sort_keys=True, separators=(",", ":"))
    gathered = gather(Entry(Place(), root), None, Sources())
    return _checked(gathered, hashlib.sha256(canonical.encode()).hexdigest())


def _checked(gathered: Gathered, sha256: str) -> Fleet:
    header, problems = check_header(gathered.header)
    problems += gathered.problems
    for defaults in gathered.defaults:
        problems += check_defaults(defaults)
    pairs: list[tuple[Entry, Instance]] = []
    for entry in gathered.instances:
        instance, wrong = check_instance(entry)
        problems += wrong
        if instance:
            pairs.append((entry, instance))
    problems += check_fleet(gathered.instances, pairs, header.tenant_id if header else "")
    # Only by itself: with a wrong file there is a better explanation.
    if not gathered.instances and not problems:
        what, advice = "the fleet has no instances", "Add at least one below 'instances:', or include a file."
        problems.append(Problem(gathered.header.place, what, advice))
    if problems or header is None:
        raise FleetFileError(problems)
    return Fleet(**header.model_dump(), instances=tuple(instance for _, instance in pairs), sha256=sha256)

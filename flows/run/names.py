"""Names of flow runs that a person can scan in a list."""

from collections.abc import Callable
from pathlib import Path

from prefect.runtime import flow_run

from flows.formatting.control_characters import escape_controls

_LONGEST = 60


def name_run(verb: str) -> Callable[[], str]:
    """Return what names a run: the verb, and the fleet it is about."""

    def name() -> str:
        about = name_fleet_run()
        return f"{verb} {about}" if about else verb

    return name


def name_fleet_run() -> str | None:
    """Return the fleet that the running flow is about, as its parameters tell: its name, or its file's."""
    fleet = flow_run.parameters.get("fleet")
    if isinstance(fleet, dict):
        return _shown(str(fleet.get("fleet", ""))) or None
    return _shown(Path(str(fleet)).stem) if fleet else None


def _shown(name: str) -> str:
    # The parameter has not been checked yet.
    return escape_controls(name)[:_LONGEST]

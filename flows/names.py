"""Names of flow runs that a person can scan in a list."""

from collections.abc import Callable
from pathlib import Path

from prefect.runtime import flow_run


def name_of_run(verb: str) -> Callable[[], str]:
    """Return what names a run: the verb, and the fleet it is about."""

    def name() -> str:
        fleet = flow_run.parameters.get("fleet")
        about = fleet.get("fleet") if isinstance(fleet, dict) else Path(str(fleet)).stem if fleet else None
        return f"{verb} {about}" if about else verb

    return name

"""The small file that says which fleets are deployed, by whose blocks, and when they are looked at."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.cli.errors import CommandFailed
from flows.fleet_file.loader import load_fleet

Schedule = Annotated[bool | int | str, Field(description="Seconds between two runs, a cron line, or on and off.")]
Schedules = dict[str, Schedule]
_PROBLEMS_SHOWN = 3


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FleetEntry(_Table):
    """One fleet; its name is that in the fleet file."""

    fleet: str
    """Path of the fleet file, beside this file unless it is absolute."""
    reader: str | None = None
    """EntraTenant block of the flows that only look; None for the worker's environment."""
    writer: str | None = None
    """EntraTenant block of the flows that write."""
    tags: list[str] = Field(default_factory=list)
    schedules: Schedules = Field(default_factory=dict)
    timezone: str = "UTC"
    restart_quarantined: bool = False
    """Whether a quarantined job is restarted, where that can help."""


class FleetsFile(_Table):
    """The whole file."""

    fleets: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")], FleetEntry] = Field(min_length=1)
    notify: str | None = None
    """Notification block to tell of trouble, as TYPE/NAME."""
    schedules: Schedules = Field(default_factory=dict)
    """For every fleet that does not say otherwise, and for what is done once for a tenant."""
    timezone: str = "UTC"


def read_fleets_file(path: Path) -> FleetsFile:
    """Read the file, the paths in it made absolute.

    Raises:
        CommandFailed: It cannot be read, or says something it may not.
        FleetFileError: A fleet file that is there is not in order.
    """
    try:
        content: Any = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}.\nCheck the path of --fleets.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{path} is no TOML: {error}.\nSee deployments/fleets.toml for an example.") from None
    try:
        read = FleetsFile.model_validate(content)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise CommandFailed(
            f"{path}: {'; '.join(problems[:_PROBLEMS_SHOWN])}.\nSee deployments/fleets.toml for an example."
        ) from None
    there = {
        name: entry.model_copy(update={"fleet": str((path.parent / entry.fleet).resolve())})
        for name, entry in read.fleets.items()
    }
    for name, entry in there.items():
        _check_name(path, name, Path(entry.fleet))
    return read.model_copy(update={"fleets": there})


def _check_name(path: Path, name: str, fleet: Path) -> None:
    # The file may be on the worker's machine only.
    if fleet.exists() and (found := load_fleet(fleet).fleet) != name:
        raise CommandFailed(
            f"{path}: fleets.{name}: {fleet} is of the fleet {found}.\nName the table as the fleet is named: events do."
        )

"""The file that configures which fleets are deployed, with which blocks and schedules."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.cli.errors import CommandFailed
from flows.fleet_file.loader import load_fleet

Schedule = Annotated[
    bool | int | str, Field(description="Seconds between runs, a cron expression, or true/false for on/off.")
]
Schedules = dict[str, Schedule]
_PROBLEMS_SHOWN = 3


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FleetEntry(_Table):
    """One fleet, under the name that its fleet file has."""

    fleet: str
    """Path of the fleet file, relative to this file."""
    reader: str | None = None
    """EntraTenant block of the read-only flows; None for the worker's environment."""
    writer: str | None = None
    """EntraTenant block of the flows that write."""
    tags: list[str] = Field(default_factory=list)
    schedules: Schedules = Field(default_factory=dict)
    timezone: str = "UTC"
    restart_quarantined: bool = False
    """Whether to restart quarantined jobs where that can help."""


class FleetsFile(_Table):
    """The whole file."""

    fleets: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")], FleetEntry] = Field(min_length=1)
    notify: str | None = None
    """Notification block for alerts, as TYPE/NAME."""
    schedules: Schedules = Field(default_factory=dict)
    """Defaults for all fleets, and schedules of what runs once per tenant."""
    timezone: str = "UTC"


def read_fleets_file(path: Path) -> FleetsFile:
    """Read the file, and make its paths absolute.

    Raises:
        CommandFailed: It cannot be read, or its content is invalid.
        FleetFileError: A fleet file that exists is invalid.
    """
    try:
        content: Any = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CommandFailed(f"Cannot read {path}: {error.strerror}.", "Check the path given with --fleets.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandFailed(
            f"{path} is not valid TOML: {error}.", "See deployments/fleets.toml for an example."
        ) from None
    try:
        read = FleetsFile.model_validate(content)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        # Cause: The file of --fleets has an unknown or a missing field.
        raise CommandFailed(
            f"{path}: {'; '.join(problems[:_PROBLEMS_SHOWN])}.", "See deployments/fleets.toml for an example."
        ) from None
    # Paths are relative to the file that names them, wherever the command is started.
    there = {
        name: entry.model_copy(update={"fleet": str((path.parent / entry.fleet).resolve())})
        for name, entry in read.fleets.items()
    }
    for name, entry in there.items():
        _check_name(path, name, Path(entry.fleet))
    return read.model_copy(update={"fleets": there})


def _check_name(path: Path, name: str, fleet: Path) -> None:
    # The file may exist only on the worker's machine.
    if fleet.exists() and (found := load_fleet(fleet).fleet) != name:
        # Cause: [fleets.NAME] and fleet: in the fleet file differ.
        raise CommandFailed(
            f"{path}: fleets.{name}: {fleet} defines the fleet {found}.",
            "Give the table the name of the fleet, which events carry.",
        )

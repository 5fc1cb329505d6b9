"""What is deployed: the file of fleets, blocks and schedules, and the prefect.yaml made from it."""

import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

import flows
from flows.cli.errors import CommandFailed
from flows.fleet_file.loader import load_fleet

_PACKAGE = Path(flows.__file__).parent


def find_packaged_file(name: str) -> Path:
    """Return the path of a file or directory that a clone has under this name."""
    installed = _PACKAGE / "shipped"
    return (installed if installed.is_dir() else _PACKAGE.parent) / name


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


SLUG = "schedule"
READS, WRITES = "reads", "writes"
"""Tags of the deployments that only read a tenant, and of those that change it."""
REACT = "react"

Document = dict[str, Any]


@dataclass(frozen=True)
class _Copy:
    """What a copy of a deployment is for."""

    suffix: str
    parameters: Mapping[str, Any]
    schedule: Schedule | None
    timezone: str
    tags: tuple[str, ...] = ()
    fleet: str | None = None


def prefect_yaml(fleets: FleetsFile | None = None, notify: str | None = None) -> Document:
    """Return prefect.yaml with its deployments for each fleet, or unchanged.

    Args:
        fleets: The fleets; None for the one in fleet.yaml.
        notify: Notification block to tell of quarantines.

    Raises:
        CommandFailed: The schedules in the file are invalid.
    """
    document: Document = YAML(typ="safe").load(find_packaged_file("prefect.yaml"))
    plain = [_plain(each) for each in document["deployments"]]
    if fleets:
        _check_schedules(fleets, plain)
        notify = notify or fleets.notify
        plain = [copy for each in plain for copy in _copies(each, fleets)]
    for each in plain:
        if notify and each["name"].partition("-")[0] == REACT:
            each["parameters"]["notify"] = notify
    return {"name": document["name"], "prefect-version": document["prefect-version"], "deployments": plain}


def write_prefect_yaml(path: Path, document: Document) -> None:
    """Write a prefect.yaml.

    Raises:
        CommandFailed: It cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(document, file)
    except OSError as error:
        raise CommandFailed(f"Cannot write {path}: {error.strerror}.") from None


def _plain(deployment: Document) -> Document:
    # YAML anchors would make the copies share their content.
    return deepcopy(deployment)


def _copies(deployment: Document, fleets: FleetsFile) -> Iterator[Document]:
    name = deployment["name"]
    if "fleet" in deployment["parameters"]:
        for fleet, entry in fleets.fleets.items():
            schedule = entry.schedules.get(name, fleets.schedules.get(name))
            parameters: Document = {"fleet": entry.fleet, **_tenant(deployment, entry)}
            if name == REACT:
                parameters["restart"] = entry.restart_quarantined
            yield _copied(deployment, _Copy(fleet, parameters, schedule, entry.timezone, tuple(entry.tags), fleet))
    elif READS in deployment["tags"]:
        # It reads the whole tenant: one deployment per reader, however many fleets.
        for reader in dict.fromkeys(entry.reader for entry in fleets.fleets.values()):
            parameters = {"tenant": reader} if reader else {}
            yield _copied(deployment, _Copy(reader or "", parameters, fleets.schedules.get(name), fleets.timezone))
    else:
        yield deployment


def _tenant(deployment: Document, entry: FleetEntry) -> dict[str, str]:
    block = entry.writer if WRITES in deployment["tags"] else entry.reader
    return {"tenant": block} if block else {}


def _copied(deployment: Document, copy: _Copy) -> Document:
    made = deepcopy(deployment)
    made["name"] = f"{deployment['name']}-{copy.suffix}" if copy.suffix else deployment["name"]
    made["tags"] = [*deployment["tags"], *copy.tags]
    made["parameters"] = {**deployment["parameters"], **copy.parameters}
    for trigger in made.get("triggers", ()):
        # Each copy reacts to the events of its own fleet only.
        trigger["match"] = {**trigger.get("match", {}), "entra-fleet.fleet": copy.fleet}
    schedules = _scheduled(deployment, copy)
    return {**made, "schedules": schedules} if schedules else made


def _scheduled(deployment: Document, copy: _Copy) -> list[Document]:
    given = [{**each} for each in deployment.get("schedules", ())]
    for each in given:
        # An interval means the same in every time zone.
        if "cron" in each:
            each["timezone"] = copy.timezone
    if copy.schedule is None:
        return given
    if isinstance(copy.schedule, bool):
        return [{**each, "active": copy.schedule} for each in given]
    return [{**_when(copy.schedule, copy.timezone), "slug": SLUG}]


def _when(schedule: int | str, timezone: str) -> Document:
    return {"interval": schedule} if isinstance(schedule, int) else {"cron": schedule, "timezone": timezone}


def _check_schedules(fleets: FleetsFile, deployments: list[Document]) -> None:
    by_fleet = {each["name"] for each in deployments if "fleet" in each["parameters"]}
    by_tenant = {each["name"] for each in deployments if READS in each["tags"]} - by_fleet
    _check("schedules", fleets.schedules, by_fleet | by_tenant, fleets.timezone)
    for name, entry in fleets.fleets.items():
        where = f"fleets.{name}.schedules"
        for wrong in sorted(by_tenant & set(entry.schedules)):
            # Cause: A harvest cannot be scheduled for a single fleet.
            raise CommandFailed(
                f"{where}.{wrong}: {wrong} reads the whole tenant, not one fleet.", "Move it to [schedules]."
            )
        _check(where, entry.schedules, by_fleet, entry.timezone)


def _check(where: str, schedules: Schedules, known: set[str], timezone: str) -> None:
    for name, schedule in schedules.items():
        if name not in known:
            raise CommandFailed(
                f"{where}: there is no deployment {name!r}.", f"Known deployments: {', '.join(sorted(known))}."
            )
        if isinstance(schedule, bool):
            continue
        try:
            made = _when(schedule, timezone)
            CronSchedule(**made) if "cron" in made else IntervalSchedule(**made)
        except (ValidationError, ValueError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise CommandFailed(
                f"{where}.{name}: {schedule!r} is not a schedule: {why}.",
                "Write seconds, a cron expression, true or false.",
            ) from None

"""`entra-fleet events`."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.errors import BadUsage, CommandFailed
from flows.cli.options import SinceOption, StoreOption, parse_since
from flows.cli.output.console import print_json_text, stderr_console, stdout_console
from flows.cli.output.records import (
    Format,
    FormatOption,
    OldFormatOption,
    choose_format,
    print_json_array,
    print_records,
)

if TYPE_CHECKING:
    from rich.text import Text

    from flows.store import Store


class Status(StrEnum):
    """Outcome of an event, in Graph's terms."""

    SUCCESS = "success"
    FAILURE = "failure"
    SKIPPED = "skipped"
    WARNING = "warning"


class Action(StrEnum):
    """Kind of event, in Graph's terms."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    DISABLE = "disable"
    STAGED_DELETE = "stagedDelete"
    OTHER = "other"


UntilOption = Annotated[
    datetime | None,
    typer.Option(
        "--until",
        metavar="MOMENT",
        parser=parse_since,
        help="End of the range (exclusive): a date or time (UTC), or 7d.",
    ),
]


def command(
    output: FormatOption = None,
    start: SinceOption = None,
    until: UntilOption = None,
    app: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Only events of this instance; repeatable.")
    ] = None,
    fleet: Annotated[str | None, typer.Option(metavar="NAME", help="Only events of this fleet.")] = None,
    status: Annotated[Status | None, typer.Option(case_sensitive=False, help="Only events with this outcome.")] = None,
    action: Annotated[Action | None, typer.Option(case_sensitive=False, help="Only events with this action.")] = None,
    user: Annotated[
        str | None,
        typer.Option(metavar="WHO", help="Only events about this user or group: id, UPN, or part of the name."),
    ] = None,
    store: StoreOption = None,
    old_format: OldFormatOption = None,
) -> None:
    """Print the harvested provisioning events, oldest first: a table, or one record per event for a program."""
    from flows.configuration.environment import environment, use_store
    from flows.store import EventExport, require_store
    from flows.store.event_export import COLUMNS

    if start and until and start >= until:
        raise BadUsage("--since must be before --until.")
    form = choose_format(output, old_format)
    use_store(store)
    with require_store(environment().store_url) as found:
        chosen = EventExport(
            since=start,
            until=until,
            service_principal_ids=_applications(found, app, fleet),
            status=status,
            action=action,
            user=user,
        )
        events = found.export(chosen)
        if form is Format.TEXT:
            _show_events(events)
        elif form is Format.CSV:
            print_records(map(_flat, events), COLUMNS, form)
        elif form is Format.JSON:
            print_json_array(map(_as_json, events))
        else:
            for event in events:
                print_json_text(_as_json(event))


def _applications(store: "Store", keys: list[str] | None, fleet: str | None) -> list[str] | None:
    if not keys and fleet is None:
        return None
    known = store.instances.all()
    chosen = [each for each in known if (not keys or each.key in keys) and (fleet is None or each.fleet == fleet)]
    found = {each.key for each in chosen}
    missing = [key for key in keys or () if key not in found]
    if missing or not chosen:
        what = f"instance {', '.join(missing)}" if missing else f"fleet {fleet}"
        within = f" of fleet {fleet}" if missing and fleet else ""
        # Cause: --app or --fleet names one that no harvest has seen.
        raise CommandFailed(
            f"The store has no {what}{within}.", "Harvest records the instances it finds; check the name."
        )
    return [each.service_principal_id for each in chosen]


def _as_json(event: Mapping[str, Any]) -> str:
    ours = json.dumps({"fleet": event["fleet"], "key": event["key"]}, ensure_ascii=False)
    # The event exactly as Graph sent it: parsing and serializing it again would take ten times as long.
    raw = event["raw"]
    return f"{ours[:-1]}, {raw[1:]}" if raw != "{}" else ours


def _show_events(events: Iterable[Mapping[str, Any]]) -> None:
    from flows.cli.output.tables import Column, print_rows

    columns = (
        Column("time"),
        Column("key"),
        Column("action", drop=2),
        Column("status"),
        Column("user or group", prose=True),
        Column("why", drop=1, prose=True),
    )
    if not print_rows(columns, map(_row, events), stdout_console()):
        stderr_console().print("No events match.")


def _row(event: Mapping[str, Any]) -> "tuple[str | Text, ...]":
    from flows.cli.output.tables import format_moment, state_text

    who = event["source_name"] or event["target_name"] or event["source_id"] or "-"
    why = ": ".join(filter(None, (event["error_code"], event["reason"]))) if event["status"] != "success" else ""
    place = event["key"] or event["service_principal_name"] or "-"
    status = state_text(event["status"] or "-")
    return format_moment(event["activity_at"]), place, event["action"] or "-", status, who, " ".join(why.split()) or "-"


def _flat(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in event.items()}

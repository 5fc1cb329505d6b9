"""`entra-fleet failures`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.errors import CommandFailed
from flows.cli.options import SinceOption, StoreOption
from flows.cli.output.console import name_fleet_file, print_json, print_lines, stdout_console, use_fleet_file
from flows.cli.output.records import Format, FormatOption, print_records

if TYPE_CHECKING:
    from flows.monitoring.triage import FailureCause
    from flows.store import Coverage, OpenFailure

COLUMNS = (
    "fleet",
    "key",
    "service_principal_id",
    "source_id",
    "source_name",
    "source_type",
    "failing_since",
    "activity_at",
    "action",
    "error_code",
    "reason",
    "recommended_action",
)
_KEYS_SHOWN = 12


def command(
    fleet: Annotated[
        Path | None,
        typer.Argument(metavar="FLEET", help="Only the fleet of this file; without it, every application."),
    ] = None,
    since: SinceOption = None,
    output: FormatOption = None,
    store: StoreOption = None,
) -> None:
    """Show who is failing now, by cause, and what to do about it. Reads only the store.

    A user or group is failing if its newest event in an application is a failure. With --since, only if it failed
    at that time or later.
    """
    from flows.configuration.environment import environment, use_store
    from flows.monitoring.triage import group_by_cause
    from flows.store import require_store

    name = _fleet_name(fleet)
    use_store(store)
    with require_store(environment().store_url) as opened:
        coverage = opened.coverage()
        if not coverage:
            raise CommandFailed("This store has no harvested events yet.\nRun `entra-fleet harvest` first.")
        found = opened.failures.open(name, since)
    form = output or Format.TEXT
    if form is Format.TEXT:
        _show(group_by_cause(found), coverage)
    elif form is Format.JSON:
        print_json({"failing": len(found), "causes": [each.as_json() for each in group_by_cause(found)]})
    else:
        print_records(map(_record, found), COLUMNS, form)


def _fleet_name(path: Path | None) -> str | None:
    from flows.fleet_file.loader import load_fleet

    use_fleet_file(path)
    return load_fleet(path).fleet if path else None


def _record(failure: "OpenFailure") -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in vars(failure).items()}


def _show(causes: Sequence["FailureCause"], coverage: Sequence["Coverage"]) -> None:
    from rich.text import Text

    from flows.cli.output.tables import format_moment
    from flows.formatting import format_number

    console = stdout_console()
    for cause in causes:
        meaning = f" ({cause.explanation.meaning})" if cause.explanation.meaning else ""
        code = Text.assemble((f"{len(cause.failures)}x ", "bold red"), (cause.explanation.code or "no code", "bold"))
        print_lines([code.append(meaning)], console)
        print_lines(_lines(cause), console, indent=4)
        console.print()
    failing = format_number(sum(len(cause.failures) for cause in causes), "user or group", "users or groups")
    keys = {(each.fleet, each.key or each.service_principal_id) for cause in causes for each in cause.failures}
    console.print(
        Text(f"{failing} failing in {format_number(len(keys), 'application')}." if causes else "Nothing is failing.")
    )
    until = ", ".join(format_moment(each.watermark) for each in coverage)
    console.print(Text(f"As of the harvest up to {until}.", "dim"))


def _lines(cause: "FailureCause") -> Iterator[str]:
    from flows.cli.output.tables import format_moment
    from flows.monitoring.triage import command_for_all
    from flows.plan.text import format_keys

    keys, newest, known = cause.keys, cause.newest, cause.explanation
    where = format_keys(keys, _KEYS_SHOWN) or "applications of no fleet"
    yield f"in {where}; since {format_moment(cause.since)}; last {newest.source_name or newest.source_id}"
    if newest.reason:
        yield f"Microsoft: {' '.join(newest.reason.split())}"
    if known.cause:
        yield f"cause: {known.cause}"
    yield f"do: {known.proposal.text}"
    for command in known.proposal.commands:
        yield f"    {command_for_all(name_fleet_file(command), keys) if keys else command}"

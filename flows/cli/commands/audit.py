"""`entra-fleet audit`."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.options import SinceOption, StoreOption
from flows.cli.output.console import stderr_console, stdout_console
from flows.cli.output.records import Format, FormatOption, OldFormatOption, choose_format, print_records

if TYPE_CHECKING:
    from rich.text import Text

    from flows.store import Change, Run, Store

COLUMNS = (
    "at",
    "fleet",
    "tenant_id",
    "key",
    "action",
    "outcome",
    "fields",
    "error_step",
    "error_code",
    "command",
    "actor_object_id",
    "actor_app_id",
    "plan_digest",
    "file_sha256",
    "ticket",
    "commit",
    "run_id",
    "flow_run_id",
)
ALL_COLUMNS = (*COLUMNS, "actor", "activity", "service_principal_id", "job_id", "source")


def command(
    since: SinceOption = None,
    fleet: Annotated[str | None, typer.Option(metavar="NAME", help="Only changes to this fleet.")] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="Also changes by others, from the harvested directory audit log.")
    ] = False,
    output: FormatOption = None,
    store: StoreOption = None,
    old_format: OldFormatOption = None,
) -> None:
    """Print who changed what and when, with plan, ticket, commit and run, oldest first.

    With --all, changes by others too, as far as the directory audit log was harvested.
    """
    from flows.configuration.environment import environment, use_store
    from flows.store import require_store

    form = choose_format(output, old_format)
    use_store(store)
    with require_store(environment().store_url) as found:
        records: Iterable[dict[str, Any]] = (format_record(*each) for each in found.journal.records(fleet, since))
        if everyone:
            ours = (_add_source(*each) for each in found.journal.records(fleet, since))
            # Both come sorted by time, so neither is held in memory whole.
            records = merge(ours, _find_others(found, fleet, since), key=itemgetter("at"))
        if form is Format.TEXT:
            _show(records)
        else:
            print_records(records, ALL_COLUMNS if everyone else COLUMNS, form)


def _show(records: Iterable[Mapping[str, Any]]) -> None:
    from flows.cli.output.tables import Column, print_rows

    columns = (
        Column("time"),
        Column("key"),
        Column("action", drop=2),
        Column("outcome"),
        Column("what", prose=True),
        Column("ticket", drop=1),
        Column("by", prose=True),
    )
    if not print_rows(columns, map(_row, records), stdout_console()):
        stderr_console().print("No changes match.")


def _row(record: Mapping[str, Any]) -> "tuple[str | Text, ...]":
    from flows.cli.output.tables import format_moment, state_text

    fields = map(_field, record["fields"])
    failed = ": ".join(filter(None, (record["error_step"], record["error_code"])))
    return (
        format_moment(datetime.fromisoformat(record["at"])),
        record["key"] or record.get("service_principal_id") or "-",
        f"{record['command']}: {record['action']}" if record["command"] else record["activity"] or "-",
        state_text(record["outcome"] or "-"),
        "; ".join(filter(None, (failed, *fields))) or "-",
        record["ticket"] or "-",
        record.get("actor") or record["actor_object_id"] or record["actor_app_id"] or "-",
    )


def _field(field: Mapping[str, Any]) -> str:
    name, before, after = field["field"], field["before"], field["after"]
    if before is None:
        # Of a credential, the journal has the name alone.
        return name if after is None else f"{name}: {after}"
    return f"{name}: {before} → {after or 'removed'}"


def _add_source(run: "Run", change: "Change") -> dict[str, Any]:
    """Return a change of ours as a record with the columns that those of others have."""
    return {
        **format_record(run, change),
        "actor": run.actor_app_id or run.actor_object_id,
        "activity": change.action,
        "service_principal_id": change.service_principal_id,
        "job_id": change.job_id,
        "source": "entra-fleet",
    }


def _find_others(store: "Store", fleet: str | None, since: datetime | None) -> Iterator[dict[str, Any]]:
    """Yield what others changed; the journal has better records of our own writes."""
    from flows.monitoring.attribution import foreign_records

    known = {each.service_principal_id: each for each in reversed(store.instances.all())}
    for record in foreign_records(store.audits.records(since=since), store.journal.writes()):
        instance = known.get(record.service_principal_id or "")
        if record.activity_at is None or (fleet is not None and (instance is None or instance.fleet != fleet)):
            continue
        yield {
            **dict.fromkeys(COLUMNS),
            "at": record.activity_at.isoformat(),
            "fleet": instance.fleet if instance else None,
            "tenant_id": record.tenant_id,
            "key": instance.key if instance else None,
            "outcome": record.result,
            "fields": [],
            "actor_object_id": record.actor_id,
            "actor": record.actor_name,
            "activity": record.activity,
            "service_principal_id": record.service_principal_id,
            "job_id": record.job_id,
            "source": "directory",
        }


def format_record(run: "Run", change: "Change") -> dict[str, Any]:
    """Return a change and its run as one flat record of JSON values with the keys in `COLUMNS`."""
    error = change.error
    return {
        "at": change.recorded_at.isoformat(),
        "fleet": run.fleet,
        "tenant_id": run.tenant_id,
        "key": change.key,
        "action": change.action,
        "outcome": change.outcome,
        "fields": [vars(field) for field in change.fields],
        "error_step": error.step if error else None,
        "error_code": error.code if error else None,
        "command": run.command,
        "actor_object_id": run.actor_object_id,
        "actor_app_id": run.actor_app_id,
        "plan_digest": run.plan_digest,
        "file_sha256": run.file_sha256,
        "ticket": run.ticket,
        "commit": run.commit,
        "run_id": run.id,
        "flow_run_id": run.flow_run_id,
    }

"""`entra-fleet audit`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.arguments.options import SinceOption, StoreOption
from flows.cli.output.records import Format, print_records

if TYPE_CHECKING:
    from flows.store import Change, Run

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


def command(
    since: SinceOption = None,
    fleet: Annotated[str | None, typer.Option(metavar="NAME", help="Only changes to this fleet.")] = None,
    form: Annotated[Format, typer.Option("--format", help="JSON Lines, or CSV with a header row.")] = Format.JSONL,
    store: StoreOption = None,
) -> None:
    """Print who changed what and when, with plan, ticket, commit and run: one record per change, oldest first."""
    from flows.configuration.environment import environment, use_store
    from flows.store import require_store

    use_store(store)
    with require_store(environment().store_url) as found:
        print_records((format_record(*each) for each in found.journal.records(fleet, since)), COLUMNS, form)


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

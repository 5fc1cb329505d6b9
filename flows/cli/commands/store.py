"""`entra-fleet store`: maintain the store."""

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.errors import BadUsage
from flows.cli.options import Output, OutputOption, StoreOption, confirm
from flows.cli.output.console import print_json, print_lines, print_note, stderr_console, stdout_console
from flows.formatting import format_count

if TYPE_CHECKING:
    from flows.store import Kind, Store

KEEP_DAYS = 400
"""A year and a month, so that a yearly audit still covers its whole year."""

app = typer.Typer(name="store", help="Upgrade the store, or prune old data.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(store: StoreOption = None, output: OutputOption = Output.TEXT) -> None:
    """Upgrade the store to the schema version of this release."""
    from flows.configuration.environment import environment, use_store
    from flows.store import SCHEMA_VERSION, store_address, upgrade_store

    use_store(store)
    url = environment().store_url
    address = store_address(url)
    before = upgrade_store(url)
    if output is Output.JSON:
        print_json({"store": str(address), "from": before, "to": SCHEMA_VERSION})
        return
    if before is None:
        done = f"created at version {SCHEMA_VERSION}"
    elif before == SCHEMA_VERSION:
        done = f"already at version {SCHEMA_VERSION}"
    else:
        done = f"upgraded from version {before} to {SCHEMA_VERSION}"
    print_lines([f"{address}: {done}."], stdout_console())


@app.command("prune")
def prune(
    keep_days: Annotated[int, typer.Option(min=1, max=36_500, metavar="N", help="Keep the last N days.")] = KEEP_DAYS,
    events: Annotated[bool, typer.Option("--events", help="Prune provisioning events.")] = False,
    jobs: Annotated[bool, typer.Option("--jobs", help="Prune job history.")] = False,
    journal: Annotated[bool, typer.Option("--journal", help="Prune the change journal.")] = False,
    audits: Annotated[bool, typer.Option("--audits", help="Prune directory audit records.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking for confirmation.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")] = False,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Delete data older than N days: events, job history, journal and audits, or only the kinds you name."""
    from flows.configuration.environment import environment, use_store
    from flows.store import Kind, require_store

    use_store(store)
    named = {Kind.EVENTS: events, Kind.JOBS: jobs, Kind.JOURNAL: journal, Kind.AUDITS: audits}
    kinds = [kind for kind, chosen in named.items() if chosen or not any(named.values())]
    before = datetime.now(UTC) - timedelta(days=keep_days)
    with require_store(environment().store_url) as found:
        # Counted first, so that the question names what will be deleted.
        old = {kind: found.older_than(before).count(kind) for kind in kinds}
        print_note(f"Older than {before:%Y-%m-%d %H:%M}Z: {_words(old) or 'nothing'}.")
        goes_on = any(old.values()) and not dry_run and _agreed(yes)
        deleted = _deleted(found, before, kinds) if goes_on else dict.fromkeys(kinds, 0)
    if output is Output.JSON:
        print_json({"before": before.isoformat(), "old": old, "deleted": deleted})
    else:
        stdout_console().print(f"Deleted {_words(deleted) or 'nothing'}.")


def _agreed(yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise BadUsage("prune asks before it deletes anything, but there is no terminal to ask on.", "Add --yes.")
    return confirm("Delete them?")


def _deleted(store: "Store", before: datetime, kinds: "list[Kind]") -> "dict[Kind, int]":
    deleted = dict.fromkeys(kinds, 0)
    with stderr_console().status("pruning") as status:
        for kind in kinds:
            for so_far in store.older_than(before).prune(kind):
                deleted[kind] = so_far
                status.update(f"pruning: {_words(deleted)}")
    return deleted


def _words(counts: "dict[Kind, int]") -> str:
    names = {
        "events": "provisioning events",
        "jobs": "observations of jobs",
        "journal": "journaled changes",
        "audits": "audit records",
    }
    return format_count({names[kind]: number for kind, number in counts.items()})

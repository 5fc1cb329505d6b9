"""The inventory of a tenant as a table, as records, and as one document."""

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from flows.cli.errors import CommandFailed
from flows.cli.output.console import print_json, print_note, stdout_console
from flows.cli.output.records import Format, InventoryFormat, print_records
from flows.cli.output.tables import Column, print_table, state_text
from flows.formatting import format_number

if TYPE_CHECKING:
    from datetime import datetime

    from flows.inventory.inventory import Inventory


def print_inventory(inventory: "Inventory", form: InventoryFormat | None, out: Path | None) -> None:
    """Print an inventory, or write it to a file; without a format as one JSON document.

    Raises:
        CommandFailed: The file cannot be written.
    """
    with _document(out):
        if form is None:
            print_json(inventory.as_json())
        elif form is InventoryFormat.TABLE:
            print_jobs(inventory)
        else:
            _print_records(inventory, Format(form.value))


def _print_records(inventory: "Inventory", form: Format) -> None:
    from flows.inventory.inventory import COLUMNS

    records = (row.as_json() for row in inventory.rows)
    if form is Format.CSV:
        # A cell holds a value: of a quarantine its reason, of findings their rules.
        flat = (
            {
                **record,
                "quarantine": (record["quarantine"] or {}).get("reason"),
                "findings": " ".join(each["rule"] for each in record["findings"]) or None,
            }
            for record in records
        )
        print_records(flat, COLUMNS, form)
    else:
        print_records(records, COLUMNS, form)


def print_jobs(inventory: "Inventory") -> None:
    """Print the jobs of a tenant as a table, those that need attention first."""
    from flows.inventory.findings import read_expiry

    owned = any(row.fleet for row in inventory.rows)
    signed = any(read_expiry(row.principal) for row in inventory.rows)
    crossing = any(row.target_tenant_id for row in inventory.rows)
    columns = (
        Column("application", prose=True),
        Column("template", drop=4),
        *((Column("target tenant", drop=6),) if crossing else ()),
        Column("state"),
        Column("since", drop=1),
        *((Column("fleet", drop=3),) if owned else ()),
        *((Column("certificate", drop=5),) if signed else ()),
        Column("findings", prose=True),
        Column("service principal", drop=2),
    )
    rows = [
        (
            row.principal.display_name or row.job.service_principal_id,
            row.job.synchronization_template_id or "-",
            *((row.target_tenant_id or "-",) if crossing else ()),
            state_text("removed" if row.job.gone_at else row.health.state),
            _day(row.since),
            *((f"{row.fleet}/{row.key}" if row.fleet else "-",) if owned else ()),
            *((_day(read_expiry(row.principal)),) if signed else ()),
            Text(", ".join(row.warnings) or "-", style="yellow" if row.warnings else ""),
            row.job.service_principal_id,
        )
        for row in inventory.rows
    ]
    print_table(columns, rows, stdout_console())


def _day(moment: "datetime | None") -> str:
    return moment.strftime("%Y-%m-%d") if moment else "-"


def show_summary(inventory: "Inventory") -> None:
    """Print what was looked at, and what could not be read, on standard error."""
    warnings = sum(bool(row.warnings) for row in inventory.rows)
    unmanaged = sum(row.fleet is None for row in inventory.rows)
    print_note(
        f"{format_number(len(inventory.rows), 'job')} of {inventory.service_principals} service principals; "
        f"{warnings} with findings, {unmanaged} in no fleet ({inventory.requests} requests, {inventory.seconds:.1f} s)."
    )
    if inventory.signing:
        soon = sum(bool(each.findings) for each in inventory.signing)
        print_note(
            f"{format_number(len(inventory.signing), 'SAML application')}; the certificates of {soon} expire within "
            "60 days or have expired: entra-fleet certificates list --all"
        )
    if unmanaged:
        print_note("To manage one: entra-fleet adopt --service-principal ID")
    for each in inventory.unreadable:
        name = each.display_name or each.service_principal_id
        why = each.error_message or "no reason given"
        print_note(f"{name}: Graph does not show its jobs: {each.error_code}: {why}")


@contextmanager
def _document(out: Path | None) -> Iterator[None]:
    if out is None:
        yield
        return
    try:
        with out.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file, redirect_stdout(file):
            yield
    except OSError as error:
        raise CommandFailed(
            f"{out}: {error.strerror}.", "Use --out to name a file in a directory that you can write to."
        ) from None

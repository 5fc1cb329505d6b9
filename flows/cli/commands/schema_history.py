"""`entra-fleet schema history`."""

from typing import TYPE_CHECKING, Any

from flows.cli.arguments.options import FleetArgument, OneKeyOption, Output, OutputOption, StoreOption, TenantOption
from flows.cli.commands.schema_export import look
from flows.cli.output.console import print_json, stdout_console

if TYPE_CHECKING:
    from flows.store import SchemaVersion


def command(
    fleet: FleetArgument,
    only: OneKeyOption,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the schema versions saved before each write, newest first."""
    from flows.configuration.environment import environment, use_store
    from flows.fleet_file.loader import load_fleet
    from flows.store import JobPlace, require_store

    use_store(store)
    desired = load_fleet(fleet)
    with require_store(environment().store_url) as opened:
        found = look(desired, only, tenant)
        versions = opened.schemas.history(JobPlace(desired.tenant_id, found.service_principal_id, found.job_id))
    if output is Output.JSON:
        print_json({"key": only, "job_id": found.job_id, "versions": [_as_json(each) for each in versions]})
    else:
        _show(only, versions)


def _show(key: str, versions: "list[SchemaVersion]") -> None:
    from rich.table import Table
    from rich.text import Text

    if not versions:
        stdout_console().print(
            f"The store has no schema version of {key}: entra-fleet has not replaced its schema yet."
        )
        return
    table = Table("version", "until", "replaced by", "ticket", "run", box=None, pad_edge=False)
    for each in versions:
        who = each.actor_object_id or each.actor_app_id or "-"
        when = f"{each.kept_at:%Y-%m-%d %H:%M:%SZ}"
        table.add_row(str(each.id), when, Text(f"{each.reason} of {who}"), Text(each.ticket or "-"), each.run_id)
    stdout_console().print(table)
    stdout_console().print(f"To restore one: entra-fleet schema restore FLEET --only {key} --version N", soft_wrap=True)


def _as_json(version: "SchemaVersion") -> dict[str, Any]:
    from dataclasses import asdict

    from flows.formatting.text import format_iso

    return asdict(version) | {"kept_at": format_iso(version.kept_at)}

"""`entra-fleet schema`: the JSON Schemas of our files, and the synchronization schemas of jobs."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.errors import CommandFailed
from flows.cli.options import (
    DEFAULT_FLEET,
    ChangeOption,
    FleetArgument,
    OneKeyOption,
    Output,
    OutputOption,
    StoreOption,
    TenantOption,
    WaitOption,
    YesOption,
    confirm,
    require_terminal,
    wait_parameter,
)
from flows.cli.output.console import (
    name_fleet_file,
    print_json,
    print_lines,
    print_note,
    stderr_console,
    stdout_console,
)
from flows.cli.output.records import refuse_existing, write_new
from flows.formatting import format_number

if TYPE_CHECKING:
    from flows.fleet_file.models import Fleet
    from flows.mappings.models import Mappings
    from flows.monitoring.audit_trail import VersionAuthors
    from flows.plan.job_schema import JobSchema
    from flows.store import SchemaVersion


def export_schema(
    only: OneKeyOption,
    fleet: FleetArgument = DEFAULT_FLEET,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="File to write; must not exist yet.")] = None,
    tenant: TenantOption = None,
) -> None:
    """Write the mappings of a job to a mappings file. Changes nothing in the tenant."""
    from flows.fleet_file.loader import load_fleet
    from flows.mappings.table import build_table, write_yaml

    # Before the tenant is read, so that a wrong name costs no wait.
    refuse_existing(out)
    found = look(load_fleet(fleet), only, tenant)
    table, left_alone = build_table(found.schema)
    if table is None:
        raise CommandFailed(
            f"The schema of {only} has no mappings that a mappings file can express.", "Nothing was written."
        )
    comments = [f"Mappings of {only}. Anything not listed here stays as it is in each job."]
    comments += [f"Not exported: {each}." for each in left_alone]
    write_new(write_yaml(table, comments), out)
    if out:
        print_note(f"Wrote {out}. Reference it in the fleet file: mappings: {out}")


def look(fleet: "Fleet", key: str, tenant: str | None) -> "JobSchema":
    """Return the schema of an instance's job."""
    with stderr_console().status("reading the tenant"):
        return asyncio.run(_look(fleet, key, tenant))


async def _look(fleet: "Fleet", key: str, tenant: str | None) -> "JobSchema":
    from flows.configuration.sign_in import open_client
    from flows.plan.job_schema import find_schema

    async with open_client(tenant, fleet.tenant_id) as (graph, _):
        return await find_schema(graph, fleet, key)


def adopt_schema(only: OneKeyOption, fleet: FleetArgument = DEFAULT_FLEET, tenant: TenantOption = None) -> None:
    """Update the mappings file with edits made in the tenant. Changes nothing in the tenant."""
    from flows.documents.errors import FleetFileError
    from flows.fleet_file.loader import load_fleet
    from flows.mappings.merge import desired_mappings, diff_mappings
    from flows.plan.diff import select_instances
    from flows.plan.plan import FieldChange
    from flows.plan.text import format_change

    desired = load_fleet(fleet)
    (instance,) = select_instances(desired, [only])
    mappings = instance.mappings
    if mappings is None:
        raise CommandFailed(
            f"{only} has no mappings file.", f"Create one: entra-fleet schema export FLEET --only {only}"
        )
    path = _file_of(mappings, only)
    found, problems = desired_mappings(mappings, None, None, look(desired, only, tenant).schema)
    if problems:
        # Others often follow from the first.
        raise FleetFileError(problems[:1])
    changed = diff_mappings(found)
    for each in changed:
        # The reverse of a plan: the file takes over what the tenant has.
        print_note(format_change(FieldChange(each.field, each.after, each.before)))
    if not changed:
        print_note(f"{path} already matches the job of {only}.")
        return
    from flows.mappings.adopt import adopt_mappings, expected_mappings

    _rewrite(path, adopt_mappings(path.read_text(encoding="utf-8"), found), expected_mappings(mappings, found))
    print_note(f"{path}: {format_number(len(changed), 'change')} taken from {only}.")


def _file_of(mappings: "Mappings", key: str) -> Path:
    root = mappings.places.of()
    # Only YAML is rewritten in place, with its comments; a path within the file means that it is part of the fleet
    # file.
    if root.path or root.file.endswith(".json"):
        # Cause: The mappings are in the fleet file or in JSON.
        raise CommandFailed(
            f"The mappings of {key} are not in a YAML file of their own.",
            "Move them to one, and reference it in the fleet file: mappings: FILE.",
        )
    return Path(root.file)


def _rewrite(path: Path, text: str, expected: "Mappings") -> None:
    """Write a mappings file, after checking that the result reads back as intended."""
    from pydantic import ValidationError

    from flows.documents.errors import FleetFileError
    from flows.documents.nodes import to_plain
    from flows.documents.readers import read_yaml
    from flows.mappings.models import Mappings

    try:
        says = Mappings.model_validate(to_plain(read_yaml(text, str(path)).node))
    except (FleetFileError, ValidationError):
        says = None
    if says != expected:
        # Cause: More of the file would change than should, for example because of anchors.
        raise CommandFailed(
            f"{path} cannot be updated automatically and was left unchanged.", "Use schema export, or edit it by hand."
        )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"Cannot write {path}: {error.strerror}.") from None


def history_schema(
    only: OneKeyOption,
    fleet: FleetArgument = DEFAULT_FLEET,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the schema versions saved before each write, newest first."""
    from flows.configuration.environment import environment, use_store
    from flows.fleet_file.loader import load_fleet
    from flows.monitoring.audit_trail import explain_versions
    from flows.store import JobPlace, require_store

    use_store(store)
    desired = load_fleet(fleet)
    with require_store(environment().store_url) as opened:
        found = look(desired, only, tenant)
        place = JobPlace(desired.tenant_id, found.service_principal_id, found.job_id)
        versions = opened.schemas.history(place)
        authors = explain_versions(opened, place, versions)
    if output is Output.JSON:
        shown = [_as_json(each, authors[each.id]) for each in versions]
        print_json({"key": only, "job_id": found.job_id, "versions": shown})
    else:
        _show(only, versions, authors)


def _show(key: str, versions: "list[SchemaVersion]", authors: "dict[int, VersionAuthors]") -> None:
    from flows.cli.output.tables import Column, format_moment, print_table

    if not versions:
        stdout_console().print(
            f"The store has no schema version of {key}: entra-fleet has not replaced its schema yet."
        )
        return
    columns = (
        Column("version"),
        Column("until"),
        Column("replaced by"),
        Column("edited by"),
        Column("ticket"),
        Column("run", drop=1),
    )
    rows = [
        (
            str(each.id),
            format_moment(each.kept_at),
            f"{each.reason} of {authors[each.id].replaced_by or each.actor_object_id or each.actor_app_id or '-'}",
            edit.summary if (edit := authors[each.id].edited_by) else "-",
            each.ticket or "-",
            each.run_id,
        )
        for each in versions
    ]
    print_table(columns, rows, stdout_console())
    restore = f"To restore one: entra-fleet schema restore FLEET --only {key} --version N"
    print_lines([name_fleet_file(restore)], stdout_console())


def _as_json(version: "SchemaVersion", authors: "VersionAuthors") -> dict[str, Any]:
    from dataclasses import asdict

    from flows.formatting import format_iso

    return asdict(version) | {
        "kept_at": format_iso(version.kept_at),
        "done_at": format_iso(version.done_at),
        "replaced_by": authors.replaced_by,
        "edited_by": authors.edited_by.as_json() if authors.edited_by else None,
    }


def restore_schema(
    only: OneKeyOption,
    fleet: FleetArgument = DEFAULT_FLEET,
    version: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Version from schema history; default: the newest.")
    ] = None,
    yes: YesOption = False,
    change: ChangeOption = None,
    wait: WaitOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Restore an earlier schema of a job. Starts an initial cycle."""
    from flows.configuration.environment import use_store
    from flows.fleet_file.loader import load_fleet
    from flows.plan.diff import select_instances

    use_store(store)
    desired = load_fleet(fleet)
    select_instances(desired, [only])
    if not (yes or _confirmed(only, version)):
        return

    from flows.cli.output.changes import report_outcome
    from flows.cli.processes.run_flow import run_flow
    from flows.restore import restore_schema

    parameters = {"key": only, "version": version, "tenant": tenant, "change": change, **wait_parameter(wait)}
    report_outcome(run_flow(restore_schema, {"fleet": desired.to_object(), **parameters}), output)


def _confirmed(key: str, version: int | None) -> bool:
    require_terminal("schema restore")
    which = f"version {version}" if version else "the newest saved version"
    return confirm(f"Replace the schema of {key} with {which}? This starts an initial cycle.")


app = typer.Typer(help="Attribute mappings as code, and the JSON Schemas of fleet and mappings files.")


@app.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    mappings: Annotated[bool, typer.Option("--mappings", help="Print the schema of a mappings file instead.")] = False,
) -> None:
    """Print the JSON Schema of the fleet file, for editors, or run one of the commands below."""
    if context.invoked_subcommand:
        return
    from flows.cli.output.console import print_json
    from flows.fleet_file.json_schema import fleet_schema, mappings_schema

    print_json(mappings_schema() if mappings else fleet_schema())


app.command("export")(export_schema)
app.command("adopt")(adopt_schema)
app.command("history")(history_schema)
app.command("restore")(restore_schema)

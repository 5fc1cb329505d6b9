"""`entra-fleet schema export`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.arguments.options import FleetArgument, OneKeyOption, TenantOption
from flows.cli.errors import CommandFailed
from flows.cli.output.console import stderr_console
from flows.cli.output.new_file import refuse_existing, write_new

if TYPE_CHECKING:
    from flows.fleet_file.models import Fleet
    from flows.plan.job_schema import JobSchema


def command(
    fleet: FleetArgument,
    only: OneKeyOption,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="File to write; must not exist yet.")] = None,
    tenant: TenantOption = None,
) -> None:
    """Write the mappings of a job to a mappings file. Changes nothing in the tenant."""
    from flows.fleet_file.loader import load_fleet
    from flows.mappings.table import build_table
    from flows.mappings.yaml_writer import write_yaml

    refuse_existing(out)
    found = look(load_fleet(fleet), only, tenant)
    table, left_alone = build_table(found.schema)
    if table is None:
        raise CommandFailed(
            f"The schema of {only} has no mappings that a mappings file can express.\nNothing was written."
        )
    comments = [f"Mappings of {only}. Anything not listed here stays as it is in each job."]
    comments += [f"Not exported: {each}." for each in left_alone]
    write_new(write_yaml(table, comments), out)
    if out:
        stderr_console().print(f"Wrote {out}. Reference it in the fleet file: mappings: {out}", soft_wrap=True)


def look(fleet: "Fleet", key: str, tenant: str | None) -> "JobSchema":
    """Return the schema of an instance's job."""
    with stderr_console().status("reading the tenant"):
        return asyncio.run(_look(fleet, key, tenant))


async def _look(fleet: "Fleet", key: str, tenant: str | None) -> "JobSchema":
    from flows.configuration.sign_in import open_client
    from flows.plan.job_schema import find_schema

    async with open_client(tenant, fleet.tenant_id) as (graph, _):
        return await find_schema(graph, fleet, key)

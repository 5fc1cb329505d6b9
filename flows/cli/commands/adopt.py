"""`entra-fleet adopt`."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.errors import BadUsage, CommandFailed
from flows.cli.options import TenantOption
from flows.cli.output.console import print_note, stderr_console
from flows.cli.output.records import refuse_existing, write_new
from flows.formatting import format_number

if TYPE_CHECKING:
    from flows.plan.adoption import AdoptionFile


def command(
    template: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only applications created from this template (name or id).")
    ] = None,
    tag: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="Only applications that have a tag with this prefix.")
    ] = None,
    service_principal: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only this service principal, as inventory shows it; repeatable."),
    ] = None,
    fleet: Annotated[str | None, typer.Option(metavar="NAME", help="Name for the fleet.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="File to write; must not exist yet.")] = None,
    tenant: TenantOption = None,
) -> None:
    """Write a fleet file for existing applications. Changes nothing in the tenant."""
    if service_principal and (template or tag):
        raise BadUsage("--service-principal names them all.", "Leave out --template and --tag.")
    if not (template or tag or service_principal):
        hint = "Give --template, --tag, or both, or --service-principal."
        raise BadUsage("adopt needs to know which applications you mean.", hint)
    name = _fleet_name(fleet, template or tag or "adopted")
    refuse_existing(out)
    with stderr_console().status("reading the tenant"):
        made = asyncio.run(_look(name, template, tag, service_principal or (), tenant))
    if not made.instances:
        raise CommandFailed("\n".join(["No matching application can be adopted.", *_few(made.left_out)]))
    write_new(made.text, out)
    left_out = f"; {len(made.left_out)} left out (see the end of the file)" if made.left_out else ""
    then = f" Fill in the references, then run: entra-fleet plan {out}" if out else ""
    print_note(f"{name}: {format_number(made.instances, 'instance')}{left_out}.{then}")


def _fleet_name(fleet: str | None, alternative: str) -> str:
    from pydantic import TypeAdapter, ValidationError

    from flows.documents.field_types import FleetName
    from flows.plan.adoption import choose_key

    name = fleet if fleet is not None else choose_key(alternative, ())[:40].strip("-")
    try:
        return TypeAdapter(FleetName).validate_python(name)
    except ValidationError as error:
        (detail,) = error.errors(include_url=False)
        raise BadUsage(f"--fleet: {detail['msg']}.", detail["ctx"]["advice"]) from None


async def _look(
    fleet: str, template: str | None, tag: str | None, principal_ids: Collection[str], tenant: str | None
) -> "AdoptionFile":
    from flows.configuration.environment import EnvironmentIncomplete, environment
    from flows.configuration.sign_in import open_client
    from flows.plan.adoption import build_adoption_file
    from flows.tenant.unmanaged import find_unmanaged

    async with open_client(tenant) as (graph, claims):
        tenant_id = claims.tenant_id or environment().tenant
        if tenant_id is None:
            raise EnvironmentIncomplete("The token does not name its tenant: set AZURE_TENANT_ID to the tenant id.")
        return build_adoption_file(
            fleet, tenant_id.lower(), await find_unmanaged(graph, fleet, template, tag, principal_ids)
        )


def _few(left_out: tuple[str, ...]) -> list[str]:
    """Return at most two lines about what was left out."""
    more = [f"and {len(left_out) - 1} more were left out."] if len(left_out) > 1 else []
    return [*left_out[:1], *more]

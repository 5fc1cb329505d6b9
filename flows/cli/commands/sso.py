"""`entra-fleet sso`: what a service provider needs for single sign-on."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.errors import BadUsage, CommandFailed
from flows.cli.options import DEFAULT_FLEET, FleetArgument, OnlyOption, TenantOption
from flows.cli.output.console import print_text, stderr_console

if TYPE_CHECKING:
    from flows.fleet_file.models import Fleet

app = typer.Typer(no_args_is_help=True, help="Read what a service provider needs for single sign-on.")


@app.command()
def metadata(
    fleet: FleetArgument = DEFAULT_FLEET,
    only: OnlyOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write KEY.xml into this directory, instead of standard output."),
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Write the SAML federation metadata of instances, with the certificates that sign. Only reads."""
    from flows.fleet_file.loader import load_fleet
    from flows.plan.diff import select_instances

    desired = load_fleet(fleet)
    wanted = select_instances(desired, only)
    if out is None and len(wanted) != 1:
        raise BadUsage("Standard output has room for one document.", "Name one instance with --only, or give --out.")
    documents = asyncio.run(_read(tenant, desired, [each.key for each in wanted]))
    for key, document in documents.items():
        if out is None:
            print_text(document.decode("utf-8", "backslashreplace"))
        else:
            _write(out / f"{key}.xml", document)


async def _read(tenant: str | None, fleet: "Fleet", keys: list[str]) -> dict[str, bytes]:
    from flows.configuration.sign_in import open_client
    from flows.tenant.observe import find_instances
    from graph_client.parallel import gather

    async with open_client(tenant, fleet.tenant_id) as (graph, _):
        found = await find_instances(graph, fleet)
        if missing := [key for key in keys if not found.get(key)]:
            raise CommandFailed(f"No application has the ownership tag of {', '.join(missing)}.", "Apply first.")
        read = graph.signing_certificates.federation_metadata
        documents = await gather(*(read(fleet.tenant_id, found[key][0].app_id) for key in keys))
    return dict(zip(keys, documents, strict=True))


def _write(path: Path, document: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(document)
    except OSError as error:
        raise CommandFailed(
            f"Cannot write {path}: {error.strerror}.", "Name a directory that you can write to."
        ) from None
    stderr_console().print(f"Wrote {path}.", soft_wrap=True)

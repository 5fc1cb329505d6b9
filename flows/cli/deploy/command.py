"""`entra-fleet deploy`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.errors import BadUsage
from flows.cli.output.console import print_lines, print_note, stderr_console, stdout_console

FleetsOption = Annotated[
    Path | None,
    typer.Option("--fleets", metavar="FILE", help="Fleets, blocks and schedules, as in deployments/fleets.toml."),
]
NotifyOption = Annotated[
    str | None,
    typer.Option("--notify", metavar="TYPE/NAME", help="Notification block for alerts."),
]


def command(
    fleets: FleetsOption = None,
    notify: NotifyOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write a prefect.yaml instead of deploying.")
    ] = None,
) -> None:
    """Create or update work pool, blocks, deployments and automations on the Prefect server at PREFECT_API_URL."""
    from platformdirs import user_log_path
    from prefect.settings import PREFECT_API_URL

    from flows.cli.deploy.deploy import deploy, format_deployed
    from flows.cli.deploy.prefect_yaml import prefect_yaml, read_fleets_file, write_prefect_yaml
    from flows.cli.processes.isolation import require_usable_proxies
    from flows.cli.processes.prefect_server import PrefectApi

    file = read_fleets_file(fleets) if fleets else None
    document = prefect_yaml(file, notify)
    if out:
        write_prefect_yaml(out, document)
        stdout_console().print(
            f"Wrote {out}. Now run: prefect --no-prompt deploy --all --prefect-file {out}", soft_wrap=True
        )
        return
    url = PREFECT_API_URL.value()
    if not url:
        raise BadUsage(
            "No Prefect server is configured.", "Set PREFECT_API_URL, or start a server with entra-fleet up."
        )
    require_usable_proxies()
    api = PrefectApi(url)
    log_file = user_log_path("entra-fleet", appauthor=False, ensure_exists=True) / "deploy.log"
    with stderr_console().status("deploying"):
        left_over = deploy(api, document, notify or (file.notify if file else None), log_file, Path.cwd())
    print_note(*format_deployed(left_over))
    print_lines([f"{len(document['deployments'])} deployments on {api.address}."], stdout_console())

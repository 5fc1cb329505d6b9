"""`entra-fleet report`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.errors import CommandFailed
from flows.cli.options import StoreOption
from flows.cli.output.console import stderr_console


def command(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write the page to.")] = Path(
        "report.html"
    ),
    fleet: Annotated[str | None, typer.Option(metavar="NAME", help="Only this fleet.")] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="Number of days, including today.")] = 30,
    store: StoreOption = None,
) -> None:
    """Write one HTML page about fleets, jobs, events and errors. Reads only the store."""
    from rich.text import Text

    from flows.cli.options import ensure_known
    from flows.configuration.environment import environment, use_store
    from flows.report.content import build_report
    from flows.report.html import render_html
    from flows.store import require_store

    use_store(store)
    with require_store(environment().store_url) as opened, stderr_console().status("reading the store"):
        ensure_known(opened, fleet)
        page = render_html(build_report(opened, days=days, fleet=fleet))
    try:
        out.write_text(page, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        # Cause: The page cannot be written.
        raise CommandFailed(
            f"{out}: {error.strerror}.", "Use --out to name a file in a directory that you can write to."
        ) from None
    stderr_console().print(
        Text(f"{out}: {len(page.encode()) / 1000:,.0f} KB. It contains user names: share it with care.")
    )

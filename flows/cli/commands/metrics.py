"""`entra-fleet metrics`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.errors import BadUsage, CommandFailed
from flows.cli.options import StoreOption
from flows.cli.output.console import print_note, print_text

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def command(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write them to this file, for the textfile collector.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, metavar="P", help="Serve them on this port; 0 takes any.")
    ] = None,
    address: Annotated[str, typer.Option(metavar="ADDRESS", help="The address to serve on.")] = "127.0.0.1",
    store: StoreOption = None,
) -> None:
    """Print what the store knows as metrics for Prometheus, write them to a file, or serve them."""
    from flows.configuration.environment import environment, use_store
    from flows.monitoring.metrics import build_registry
    from flows.store import require_store

    if out is not None and port is not None:
        raise BadUsage("--out writes the metrics once, --port serves them.", "Give one of them.")
    use_store(store)
    with require_store(environment().store_url) as opened:
        registry = build_registry(opened)
        if port is not None:
            _serve(registry, address, port)
        elif out is not None:
            _write(registry, out)
        else:
            from prometheus_client import generate_latest

            print_text(generate_latest(registry).decode())


def _write(registry: "CollectorRegistry", out: Path) -> None:
    """Replace a file at once: a reader sees the old one or the new one, and never a part."""
    from prometheus_client import write_to_textfile

    try:
        write_to_textfile(str(out), registry)
    except OSError as error:
        raise CommandFailed(f"Cannot write {out}: {error.strerror}.", "Name a file that can be written.") from None


def _serve(registry: "CollectorRegistry", address: str, port: int) -> None:
    """Serve until the command is interrupted."""
    from prometheus_client import start_http_server

    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        why = error.strerror or error
        raise CommandFailed(f"Cannot serve on {address}:{port}: {why}.", "Choose another port.") from None
    print_note(f"Metrics on http://{address}:{server.server_port}/metrics")
    try:
        thread.join()
    finally:
        server.shutdown()
        server.server_close()

"""`entra-fleet harvest`."""

from typing import Annotated

import typer

from flows.cli.errors import BadUsage
from flows.cli.options import Output, OutputOption, SinceOption, StoreOption, TenantOption
from flows.cli.output.console import print_json, print_lines, stdout_console


def command(
    since: SinceOption = None,
    overlap_minutes: Annotated[
        float, typer.Option(min=0, help="Overlap with the previous harvest, to catch late events.")
    ] = 30,
    all_applications: Annotated[
        bool, typer.Option("--all", help="Also keep events of applications that no fleet manages.")
    ] = False,
    audits: Annotated[
        bool, typer.Option("--audits", help="Harvest the directory audit log instead: who changed what.")
    ] = False,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Store every provisioning event, or with --audits every audit record, since the last harvest."""
    from flows.cli.processes.run_flow import run_flow
    from flows.configuration.environment import use_store
    from flows.formatting import format_iso
    from flows.harvest import harvest_audits, harvest_logs

    if audits and all_applications:
        raise BadUsage("--audits covers every application already.", "Leave out --all.")
    use_store(store)
    parameters = {"tenant": tenant, "since": since, "overlap_minutes": overlap_minutes}
    if audits:
        result = run_flow(harvest_audits, parameters)
    else:
        result = run_flow(harvest_logs, {**parameters, "all_applications": all_applications})
    if output is Output.JSON:
        print_json(result.as_json())
        return
    console = stdout_console()
    noun = "audit records" if audits else "events"
    summary = f"{result.new} new of {result.read} {noun}; complete up to {format_iso(result.watermark)}."
    print_lines([summary], console)
    if result.rewound_from:
        text = f"The last harvest was complete up to {format_iso(result.rewound_from)}, by a wrong clock"
        print_lines([f"{text}: the log was read again from the last event."], console)
    print_lines(
        (f"gap: {format_iso(gap.start)} to {format_iso(gap.end)}: {gap.reason}" for gap in result.gaps), console
    )

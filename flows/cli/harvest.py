"""`entra-fleet harvest`."""

from flows.cli.options import Output, OutputOption, StoreOption, TenantOption
from flows.cli.output import person, print_json
from flows.cli.since import SinceOption


def command(
    since: SinceOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Keep every provisioning event since the last harvest."""
    from flows.cli.engine import run_flow
    from flows.environment import use_store
    from flows.harvest import harvest_logs

    use_store(store)
    result = run_flow(harvest_logs, {"tenant": tenant, "since": since})
    if output is Output.JSON:
        print_json(result.as_json())
        return
    console = person()
    console.print(f"{result.new} new of {result.read} events; complete up to {result.watermark}.")
    for gap in result.gaps:
        console.print(f"gap: {gap.start} to {gap.end} is lost ({gap.reason}).")

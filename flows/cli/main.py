"""Entry point of `entra-fleet`: the commands, and how their errors are shown.

Only what `--help` needs is imported here; each command imports what it uses.
"""

import sys
import traceback

import typer

from flows.cli.commands import (
    adopt,
    apply,
    audit,
    check,
    emulate,
    events,
    failures,
    harvest,
    init,
    inventory,
    jobs,
    monitor,
    plan,
    report,
    retire,
    rotate,
    schema,
    store,
    try_users,
    why,
)
from flows.cli.demo import command as demo
from flows.cli.deploy import command as deploy
from flows.cli.errors import FAILED, exit_code_of
from flows.cli.output.console import accept_any_encoding, show_error, use_fleet_file
from flows.cli.processes.isolation import isolate_process
from flows.cli.up import command as up

app = typer.Typer(
    name="entra-fleet",
    help="Manage fleets of Microsoft Entra ID provisioning jobs from one file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("demo")(demo.command)
app.command("emulate")(emulate.command)
app.command("init")(init.command)
app.add_typer(schema.app, name="schema")
app.command("inventory")(inventory.command)
app.command("check")(check.command)
app.command("plan")(plan.command)
app.command("apply")(apply.command)
app.command("try")(try_users.command)
app.command("rotate")(rotate.command)
app.command("monitor")(monitor.command)
app.command("harvest")(harvest.command)
app.command("events")(events.command)
app.command("failures")(failures.command)
app.command("audit")(audit.command)
app.add_typer(store.app, name="store")
app.add_typer(jobs.app, name="jobs")
app.command("retire")(retire.command)
app.command("adopt")(adopt.command)
app.command("why")(why.command)
app.command("report")(report.command)
app.command("up")(up.command)
app.command("deploy")(deploy.command)


def main() -> None:
    """Run the command line, and exit with the documented exit code."""
    accept_any_encoding()
    use_fleet_file(None)
    isolate_process()
    try:
        app()
    except Exception as error:  # noqa: BLE001  # a traceback may quote a secret, and is redacted too
        from graph_client.redaction import mask

        worded = _translate_prefect_error(error)
        code = exit_code_of(worded)
        if code is None:
            show_error(mask("".join(traceback.format_exception(error)).rstrip()))
        else:
            show_error(mask(str(worded)))
        sys.exit(code or FAILED)


def _translate_prefect_error(error: Exception) -> Exception:
    """Return an error from Prefect as one with a readable message; any other unchanged."""
    if exit_code_of(error) is not None or "prefect" not in sys.modules:
        return error
    from flows.cli.processes.prefect_failure import prefect_failure

    return prefect_failure(error) or error

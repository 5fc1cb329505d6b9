"""Entry point of `entra-fleet`: the commands, and how their errors are shown.

Only what `--help` needs is imported here; each command imports what it uses.
"""

import sys
import traceback
from typing import Annotated

import typer

from flows.cli.commands import (
    adopt,
    apply,
    audit,
    certificates,
    check,
    events,
    failures,
    getting_started,
    harvest,
    inventory,
    jobs,
    metrics,
    monitor,
    plan,
    report,
    retire,
    rotate,
    schema,
    sso,
    store,
    try_users,
    why,
)
from flows.cli.demo import command as demo
from flows.cli.deploy import command as deploy
from flows.cli.errors import FAILED, exit_code_of
from flows.cli.options import Output
from flows.cli.output.console import (
    ShownInterruption,
    accept_any_encoding,
    format_interruption,
    print_note,
    show_error,
    show_traceback,
    use_fleet_file,
)
from flows.cli.processes.isolation import isolate_process
from flows.cli.up import command as up

app = typer.Typer(
    name="entra-fleet",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

BEGIN, CHANGE, WATCH, KEEP, SERVE = (
    "Get started",
    "Plan and change",
    "Watch and explain",
    "Keep records",
    "Run on Prefect",
)
app.command("demo", rich_help_panel=BEGIN)(demo.command)
app.command("emulate", rich_help_panel=BEGIN)(getting_started.emulate)
app.command("init", rich_help_panel=BEGIN)(getting_started.init)
app.command("adopt", rich_help_panel=BEGIN)(adopt.command)
app.command("help", rich_help_panel=BEGIN)(getting_started.show_help)
app.command("check", rich_help_panel=CHANGE)(check.command)
app.command("plan", rich_help_panel=CHANGE)(plan.command)
app.command("apply", rich_help_panel=CHANGE)(apply.command)
app.command("try", rich_help_panel=CHANGE)(try_users.command)
app.command("rotate", rich_help_panel=CHANGE)(rotate.command)
app.add_typer(jobs.app, name="jobs", rich_help_panel=CHANGE)
app.add_typer(certificates.app, name="certificates", rich_help_panel=CHANGE)
app.add_typer(sso.app, name="sso", rich_help_panel=WATCH)
app.add_typer(schema.app, name="schema", rich_help_panel=CHANGE)
app.command("retire", rich_help_panel=CHANGE)(retire.command)
app.command("inventory", rich_help_panel=WATCH)(inventory.command)
app.command("monitor", rich_help_panel=WATCH)(monitor.command)
app.command("failures", rich_help_panel=WATCH)(failures.command)
app.command("metrics", rich_help_panel=WATCH)(metrics.command)
app.command("why", rich_help_panel=WATCH)(why.command)
app.command("report", rich_help_panel=WATCH)(report.command)
app.command("harvest", rich_help_panel=KEEP)(harvest.command)
app.command("events", rich_help_panel=KEEP)(events.command)
app.command("audit", rich_help_panel=KEEP)(audit.command)
app.add_typer(store.app, name="store", rich_help_panel=KEEP)
app.command("up", rich_help_panel=SERVE)(up.command)
app.command("deploy", rich_help_panel=SERVE)(deploy.command)


@app.callback(invoke_without_command=True)
def run_command(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
    output: Annotated[
        Output,
        typer.Option("--output", help="With --version: JSON adds Python, Prefect and store."),
    ] = Output.TEXT,
) -> None:
    """Manage fleets of Microsoft Entra ID provisioning jobs from one file."""
    if version:
        getting_started.show_version(output)
        raise typer.Exit
    if context.invoked_subcommand is None:
        context.fail("Missing command.")


def main() -> None:
    """Run the command line, and exit with the documented exit code."""
    accept_any_encoding()
    # Tests call this several times in one process.
    use_fleet_file(None)
    isolate_process()
    try:
        app(prog_name="entra-fleet")
    except SystemExit as ended:
        if _is_silent_interruption(ended):
            print_note(f"\n{format_interruption()}")
        raise
    except Exception as error:  # noqa: BLE001  # a traceback may quote a secret, and is redacted too
        from graph_client.redaction import mask

        worded = _translate_prefect_error(error)
        code = exit_code_of(worded)
        if code is None:
            show_traceback(mask("".join(traceback.format_exception(error)).rstrip()))
        else:
            show_error(mask(str(worded)))
        sys.exit(code or FAILED)


def _is_silent_interruption(ended: SystemExit) -> bool:
    """Whether Ctrl-C ended a command that has not said so itself."""
    cause = ended.__context__ and ended.__context__.__cause__
    return isinstance(cause, KeyboardInterrupt) and not isinstance(cause, ShownInterruption)


def _translate_prefect_error(error: Exception) -> Exception:
    """Return an error from Prefect as one with a readable message; any other unchanged."""
    # Without Prefect there is none of its errors, and importing it takes seconds.
    if exit_code_of(error) is not None or "prefect" not in sys.modules:
        return error
    from flows.cli.processes.prefect_server import prefect_failure

    return prefect_failure(error) or error

"""Job health as text: all jobs in a table, and the triage of each quarantine."""

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flows.cli.output.console import stdout_console
from flows.cli.output.tables import health_table
from flows.monitoring.sweep import Sweep
from flows.monitoring.triage import ErrorTriage, Triage


def show_health(seen: Sweep) -> None:
    """Print a sweep, and the triage of each quarantine."""
    stdout_console().print(health_table(seen))
    for reading in seen.readings:
        if reading.triage:
            show_triage(reading.triage)


def show_triage(triage: Triage) -> None:
    """Print cause, errors and remediation of one job."""
    console = stdout_console()
    console.print()
    console.print(Text.assemble((triage.key, "bold"), (" is quarantined: ", "red"), triage.cause), soft_wrap=True)
    grid = Table.grid(padding=(0, 2))
    for error in triage.errors:
        grid.add_row(Text(f"{error.failure.count}x", justify="right"), Text(_error(error)))
    for label, text in (("do", triage.proposal.text), *(("", command) for command in triage.proposal.commands)):
        grid.add_row(Text(label, style="dim", justify="right"), Text(text))
    console.print(Padding(grid, (0, 0, 0, 2)))


def _error(error: ErrorTriage) -> str:
    failure = error.failure
    meaning = f" ({error.explanation.meaning})" if error.explanation.meaning else ""
    who = failure.source_name or failure.source_id
    example = f"; last {who}" if who else ""
    words = " ".join(filter(None, (failure.reason, failure.additional_details)))
    return f"{failure.error_code or 'no code'}{meaning}{example}{f': {words}' if words else ''}"

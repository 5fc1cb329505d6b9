"""The health of jobs as text: all jobs in a table, and the triage of each quarantine."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flows.cli.output.console import name_fleet_file, print_lines, stdout_console
from flows.cli.output.tables import SCREENFUL_MIN, Column, format_moment, print_table, state_text
from flows.formatting import format_count, format_number
from flows.monitoring.sweep import Reading, Sweep
from flows.monitoring.triage import ErrorTriage, Triage, command_for_all, group_equal
from flows.plan.text import format_keys

_COLUMNS = (
    Column("key"),
    Column("state"),
    Column("since", drop=1),
    Column("last execution", drop=2),
    Column("counts", drop=3),
    Column("why", prose=True),
)
_KEYS_SHOWN = 12


def show_health(seen: Sweep, *, verbose: bool = False) -> None:
    """Print a sweep, the triage of each quarantine, and a summary.

    Args:
        seen: The sweep.
        verbose: Print every job in a line, and every triage by itself.
    """
    console = stdout_console()
    shown, folded = _fold(seen.worst_first, console, verbose=verbose)
    if shown:
        print_table(_COLUMNS, [_row(each) for each in shown], console)
    if folded:
        console.print(Text(f"and {folded} steady {'job' if folded == 1 else 'jobs'} (--verbose lists them)", "dim"))
    triages = [each.triage for each in seen.worst_first if each.triage]
    for same in [[each] for each in triages] if verbose else group_equal(triages):
        _show_triage(same, console)
    console.print()
    console.print(Text(f"{format_number(len(seen.readings), 'job')}: {format_count(seen.count()) or 'none'}."))


def _fold(readings: Sequence[Reading], console: Console, *, verbose: bool) -> tuple[list[Reading], int]:
    """Return the jobs to list, and how many steady ones to count only: on a terminal, beyond a screenful."""
    if verbose or not console.is_terminal or len(readings) <= max(console.height, SCREENFUL_MIN):
        return list(readings), 0
    shown = [each for each in readings if each.health.state != "steady" or not each.is_healthy or each.health.is_ailing]
    return shown, len(readings) - len(shown)


def _row(reading: Reading) -> tuple[str | Text, ...]:
    health = reading.health
    # The triage below has the whole text.
    why = (health.reason if reading.triage else reading.why) or "-"
    moments = format_moment(reading.since), format_moment(health.last_execution)
    return reading.target.label, state_text(health.state), *moments, format_count(health.counts) or "-", why


def _show_triage(triages: Sequence[Triage], console: Console) -> None:
    """Print cause, errors and remediation of jobs that have them in common: those of the first."""
    triage, *others = triages
    console.print()
    if others:
        heading = Text.assemble((f"{len(triages)} jobs are quarantined: ", "red"), triage.cause)
        names = format_keys((each.key for each in triages), _KEYS_SHOWN)
        print_lines([heading, Text(names, "bold")], console)
    else:
        print_lines([Text.assemble((triage.key, "bold"), (" is quarantined: ", "red"), triage.cause)], console)
    grid = Table.grid(padding=(0, 2))
    for error in triage.errors:
        count = sum(same.failure.count for each in triages for same in each.errors if _is_same(same, error))
        grid.add_row(Text(f"{count}x", justify="right"), Text(_error(error)))
    grid.add_row(Text("do", style="dim", justify="right"), Text(triage.proposal.text))
    if grid.row_count:
        console.print(Padding(grid, (0, 0, 0, 2), expand=False))
    keys = [each.key for each in triages]
    print_lines([command_for_all(name_fleet_file(each), keys) for each in triage.proposal.commands], console, indent=6)


def _is_same(error: ErrorTriage, other: ErrorTriage) -> bool:
    return error.failure.error_code == other.failure.error_code


def _error(error: ErrorTriage) -> str:
    failure = error.failure
    meaning = f" ({error.explanation.meaning})" if error.explanation.meaning else ""
    who = failure.source_name or failure.source_id
    example = f"; last {who}" if who else ""
    words = " ".join(filter(None, (failure.reason, failure.additional_details)))
    return f"{failure.error_code or 'no code'}{meaning}{example}{f': {words}' if words else ''}"

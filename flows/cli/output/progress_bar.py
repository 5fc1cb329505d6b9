"""Live progress on the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from flows.cli.output.console import stderr_console
from flows.run.progress import NOTE, Progress, watch_progress

_WORDS = {
    "provision": "provisioning instances",
    "monitor": "waiting for jobs to settle",
    "harvest": "harvesting provisioning events",
}


@contextmanager
def show_progress(opening: str) -> Iterator[None]:
    """Show a bar for each phase on standard error, if that is a terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description:32}", markup=False), BarColumn(24), MofNCompleteColumn())
    console = stderr_console()
    with Bars(
        *columns,
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}", style="dim", markup=False),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        first = bars.add_task(opening, total=None, text="")
        phases = {}

        def show(progress: Progress) -> None:
            if progress.phase == NOTE:
                # Printed even without a terminal.
                console.print(progress.text, soft_wrap=True, markup=False)
                return
            bars.update(first, visible=False)
            if progress.phase not in phases:
                phases[progress.phase] = bars.add_task(_WORDS.get(progress.phase, progress.phase), text="")
            task = phases[progress.phase]
            bars.update(task, completed=progress.done, total=progress.total or None, text=progress.text)

        with watch_progress(show):
            yield

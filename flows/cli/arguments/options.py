"""Options and arguments that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    """What a command prints on standard output."""

    TEXT = "text"
    JSON = "json"


FleetArgument = Annotated[Path, typer.Argument(metavar="FLEET", help="The fleet file.", show_default=False)]
TenantOption = Annotated[
    str | None,
    typer.Option("--tenant", metavar="NAME", help="EntraTenant block to sign in with, in place of the environment."),
]
StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="The store, in place of ENTRA_FLEET_STORE or the user's own."),
]
OutputOption = Annotated[Output, typer.Option("--output", help="Text, or one JSON document on standard output.")]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="KEY", help="Only this instance; may be given several times."),
]
ForceOption = Annotated[
    bool,
    typer.Option("--force", help="Do also what is held back without it: much at once, and pauses of others."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
ChangeOption = Annotated[str | None, typer.Option("--change", metavar="TICKET", help="Ticket to note in the journal.")]
WaitOption = Annotated[
    float | None,
    typer.Option(
        min=0, max=1440, metavar="MINUTES", help="How long to wait while another run writes for this fleet; else 10."
    ),
]
OneKeyOption = Annotated[str, typer.Option("--only", metavar="KEY", help="The instance.", show_default=False)]


def wait_parameter(minutes: float | None) -> dict[str, float]:
    """Return `--wait` as a parameter of a flow, which knows what holds without it."""
    return {} if minutes is None else {"wait_minutes": minutes}

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
    typer.Option("--tenant", metavar="NAME", help="EntraTenant block to sign in with, instead of the environment."),
]
StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="Store URL; overrides ENTRA_FLEET_STORE and the default store."),
]
OutputOption = Annotated[
    Output, typer.Option("--output", help="Output format: text, or one JSON document on standard output.")
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="KEY", help="Only this instance; repeatable."),
]
ForceOption = Annotated[
    bool,
    typer.Option("--force", help="Override the safety checks: large changes, and jobs paused by someone else."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
ChangeOption = Annotated[
    str | None, typer.Option("--change", metavar="TICKET", help="Ticket to record in the journal.")
]
WaitOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1440,
        metavar="MINUTES",
        help="How long to wait for another run that is changing this fleet (default 10).",
    ),
]
OneKeyOption = Annotated[str, typer.Option("--only", metavar="KEY", help="The instance.", show_default=False)]


def wait_parameter(minutes: float | None) -> dict[str, float]:
    """Return `--wait` as a flow parameter; without it the flow's default applies."""
    return {} if minutes is None else {"wait_minutes": minutes}

"""Options and arguments that several commands share, and what a shell offers after them."""

import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.errors import INTERRUPTED, BadUsage, CommandFailed
from flows.cli.output.console import Output, stderr_console, use_fleet_file

if TYPE_CHECKING:
    from flows.store import Store

__all__ = ["DEFAULT_FLEET", "Output"]

DEFAULT_FLEET = Path("fleet.yaml")


# A shell shows what the next three print instead of an error, so whatever cannot be read offers nothing.
def complete_keys(context: typer.Context, incomplete: str) -> list[str]:
    """Return the keys of the fleet file named so far, or of `fleet.yaml`, that begin with a text."""
    from flows.fleet_file.loader import FleetFileError, load_fleet

    # An option without its value, which is yet to be typed, leaves arguments before it unread.
    path = next(iter(context.args), None) or context.params.get("fleet") or DEFAULT_FLEET
    try:
        fleet = load_fleet(Path(path))
    except FleetFileError:
        return []
    return [each.key for each in fleet.instances if each.key.startswith(incomplete)]


def complete_tenants(incomplete: str) -> list[str]:
    """Return the names of the EntraTenant blocks that begin with a text; none without a configured server."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        return []
    try:
        with get_client(sync_client=True) as client:
            blocks: list[Any] = client.read_block_documents_by_type("entra-tenant", include_secrets=False)
    except (httpx.HTTPError, PrefectHTTPStatusError):
        return []
    return [name for each in blocks if (name := str(each.name)).startswith(incomplete)]


def complete_scopes(incomplete: str) -> list[str]:
    """Return the reset scopes that begin with a text."""
    from flows.plan.job_control import ResetScope

    return [str(scope) for scope in ResetScope if scope.startswith(incomplete)]


def remember_fleet_file(path: Path) -> Path:
    """Have hints name the file, and say what is missing where none is given."""
    if path == DEFAULT_FLEET and not path.exists():
        raise typer.BadParameter(
            "there is no fleet.yaml in this folder. Name the fleet file, or write one with: entra-fleet init"
        )
    use_fleet_file(path)
    return path


FleetArgument = Annotated[Path, typer.Argument(metavar="FLEET", help="The fleet file.", callback=remember_fleet_file)]
"""With `= DEFAULT_FLEET`."""
TenantOption = Annotated[
    str | None,
    typer.Option(
        "--tenant",
        metavar="NAME",
        help="EntraTenant block to sign in with, instead of the environment.",
        autocompletion=complete_tenants,
    ),
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
    typer.Option("--only", metavar="KEY", help="Only this instance; repeatable.", autocompletion=complete_keys),
]
ForceOption = Annotated[
    bool,
    typer.Option("--force", help="Override the safety checks: large changes, and jobs paused by someone else."),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="List every instance by itself.")]
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
OneKeyOption = Annotated[
    str,
    typer.Option("--only", metavar="KEY", help="The instance.", show_default=False, autocompletion=complete_keys),
]


def wait_parameter(minutes: float | None) -> dict[str, float]:
    """Return `--wait` as a flow parameter; without it the flow's default applies."""
    return {} if minutes is None else {"wait_minutes": minutes}


_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"([0-9]{1,6})([mhdw])")


def parse_since(text: str) -> datetime:
    """Return the time that a text names, in UTC unless it says otherwise: 2026-05-01, 2026-05-01T12:00Z, 7d.

    Raises:
        typer.BadParameter: It names none.
    """
    try:
        if ago := _AGO.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is not a time: write a date (2026-05-01), a time (2026-05-01T12:00Z), "
            "or how long ago (90m, 12h, 7d, 2w)"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


SinceOption = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="MOMENT",
        parser=parse_since,
        help="Start of the range: a date or time (UTC), or 7d for seven days ago.",
    ),
]


def require_terminal(command: str) -> None:
    """Check that confirmation can be asked for.

    Raises:
        BadUsage: Standard input is not a terminal.
    """
    if not sys.stdin.isatty():
        # Cause: The command runs in a pipeline or with redirected input. Review the plan first, then add --yes.
        raise BadUsage(f"{command} asks before it changes anything, but there is no terminal to ask on.", "Add --yes.")


def confirm(question: str) -> bool:
    """Ask on standard error, and say that nothing was changed unless the answer is yes.

    Raises:
        Exit: Ctrl-C instead of an answer; the exit code is that of every interruption.
    """
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        stderr_console().print("\nInterrupted. Nothing was changed.")
        raise typer.Exit(INTERRUPTED) from None
    if not agreed:
        stderr_console().print("Nothing was changed.")
    return agreed


def ensure_known(store: "Store", fleet: str | None) -> None:
    """Check that the store has a fleet; None stands for all.

    Raises:
        CommandFailed: It has no such fleet.
    """
    known = sorted({name for _, name in store.jobs.fleets() if name} | {each.fleet for each in store.instances.all()})
    if fleet is not None and fleet not in known:
        raise CommandFailed(f"The store has no fleet {fleet}.", f"It has: {', '.join(known) or 'none'}.")


CanaryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--canary",
        metavar="N|KEY",
        help="Roll out in waves: first N instances (or the named ones), then a tenth, then the rest.",
    ),
]
CanaryUserOption = Annotated[
    list[str] | None,
    typer.Option("--canary-user", metavar="WHO", help="User to provision on demand in the canaries; repeatable."),
]
CanaryLimitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--canary-limit",
        metavar="NAME=NUMBER",
        help="Limit for a wave: failures_percent=5, deletes=5, instances=0, timeout_minutes=120 …; repeatable.",
    ),
]


@dataclass(frozen=True)
class CanaryOptions:
    """The options of a rollout in waves, as given."""

    canary: list[str] | None = None
    users: list[str] | None = None
    limits: list[str] | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the flow's parameters.

        Raises:
            BadParameter: An option is malformed, or given without --canary.
        """
        if not self.canary:
            if self.users or self.limits:
                raise typer.BadParameter("it needs --canary", param_hint="--canary")
            return {}
        rules = {"users": self.users or [], **dict(map(_limit, self.limits or ()))}
        return {"canary": self._canary(), "canary_rules": rules}

    def _canary(self) -> int | list[str]:
        named = self.canary or []
        if len(named) == 1 and named[0].isdecimal():
            if not int(named[0]):
                raise typer.BadParameter("at least one canary is needed", param_hint="--canary")
            return int(named[0])
        return named


def _limit(text: str) -> tuple[str, float]:
    from flows.run.waves import CanaryRules

    name, _, number = text.partition("=")
    known = [each for each in CanaryRules.model_fields if each != "users"]
    if name not in known:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(known)}", param_hint="--canary-limit")
    try:
        CanaryRules.model_validate({name: number})
    except ValueError:
        raise typer.BadParameter(f"{number!r} is not a valid value for {name}", param_hint="--canary-limit") from None
    return name, float(number)

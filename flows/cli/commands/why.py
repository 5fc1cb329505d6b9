"""`entra-fleet why`."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.errors import FAILED, CommandFailed
from flows.cli.options import Output, OutputOption, StoreOption
from flows.cli.output.console import print_json, print_note, stdout_console

if TYPE_CHECKING:
    from flows.monitoring.instances import Instance
    from flows.store import Coverage, Identity, Store

UserArgument = Annotated[
    str, typer.Argument(metavar="USER", help="A user or group: name, user principal name or id, or part of one.")
]
CANDIDATES_MAX = 20


def command(
    user: UserArgument,
    app: Annotated[str | None, typer.Option(metavar="KEY", help="Only this instance.")] = None,
    fleet: Annotated[str | None, typer.Option(metavar="NAME", help="Only this fleet.")] = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what happened to a user or group in each application, and what to do about it. Reads only the store."""
    from flows.configuration.environment import environment, use_store
    from flows.monitoring.user_history import read_user_history
    from flows.store import require_store

    use_store(store)
    with require_store(environment().store_url) as opened:
        instances = _instances(opened, fleet, app)
        found = opened.identities.find(user, CANDIDATES_MAX) if user.strip() else []
        if not found:
            raise _unknown(user, opened.coverage())
        if len(found) > 1:
            _show_candidates(user, found, output)
            raise typer.Exit(FAILED)
        story = read_user_history(opened, found[0], instances, everywhere=fleet is None and app is None)
    if output is Output.JSON:
        print_json(story.as_json())
        return
    from flows.cli.output.users import show_user_history

    show_user_history(story)


def _instances(store: "Store", fleet: str | None, app: str | None) -> list["Instance"]:
    from flows.cli.options import ensure_known
    from flows.monitoring.instances import read_instances

    ensure_known(store, fleet)
    instances = read_instances(store, fleet)
    if app is not None and app not in {each.key for each in instances}:
        # Cause: --app names an instance that no monitor run has seen.
        raise CommandFailed(f"The store has no instance {app}.", "Run `entra-fleet monitor` on its fleet first.")
    return [each for each in instances if app in {None, each.key}]


def _unknown(user: str, coverage: list["Coverage"]) -> CommandFailed:
    if not coverage:
        hint = "Run `entra-fleet harvest` first, or name another store with --store."
        return CommandFailed("This store has no harvested events yet.", hint)
    until = ", ".join(f"{each.watermark:%Y-%m-%d %H:%M}Z" for each in coverage)
    gaps = sum(len(each.gaps) for each in coverage)
    lost = f", except for {gaps} {'gap' if gaps == 1 else 'gaps'} (`entra-fleet report` lists them)" if gaps else ""
    return CommandFailed(
        f"No event in the store is about {user!r}. The harvest is complete up to {until}{lost}.",
        "Users assigned since then appear after the next cycle and harvest; users out of scope may never appear.",
    )


def _show_candidates(user: str, candidates: list["Identity"], output: Output) -> None:
    from dataclasses import asdict

    if output is Output.JSON:
        print_json({"candidates": [asdict(each) for each in candidates]})
        return
    from flows.cli.output.tables import Column, print_table

    columns = (Column("id"), Column("name", prose=True), Column("user principal name", drop=1), Column("kind", drop=2))
    rows = [
        tuple(text or "-" for text in (each.id, each.name, each.user_principal_name, each.type)) for each in candidates
    ]
    more = " at least" if len(candidates) == CANDIDATES_MAX else ""
    print_note(f"{user!r} matches{more} {len(candidates)} users or groups; name one by its id.")
    print_table(columns, rows, stdout_console())

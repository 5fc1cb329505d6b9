"""The fleets that a store knows."""

from flows.cli.errors import CommandFailed
from flows.store import Store


def ensure_known(store: Store, fleet: str | None) -> None:
    """Make sure that the store knows a fleet; None stands for all.

    Raises:
        CommandFailed: It does not.
    """
    known = sorted({name for _, name in store.jobs.fleets()} | {each.fleet for each in store.instances.all()})
    if fleet is not None and fleet not in known:
        raise CommandFailed(f"The store knows no fleet {fleet}; it knows: {', '.join(known) or 'none'}.")

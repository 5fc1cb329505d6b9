"""The fleets in a store."""

from flows.cli.errors import CommandFailed
from flows.store import Store


def ensure_known(store: Store, fleet: str | None) -> None:
    """Check that the store has a fleet; None stands for all.

    Raises:
        CommandFailed: It has no such fleet.
    """
    known = sorted({name for _, name in store.jobs.fleets()} | {each.fleet for each in store.instances.all()})
    if fleet is not None and fleet not in known:
        raise CommandFailed(f"The store has no fleet {fleet}; it has: {', '.join(known) or 'none'}.")

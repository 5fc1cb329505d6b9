"""Reading back what earlier runs wrote down, for the next plan."""

import asyncio

from flows.environment import environment
from flows.reconcile.fleet import Fleet
from flows.reconcile.memory import Memory
from flows.store import Store, existing_store


def remember(store: Store, fleet: Fleet) -> Memory:
    """Return what the store knows of a fleet's tenant.

    Raises:
        StoreError: The store cannot be read.
    """
    return Memory(store.fingerprints.known(fleet.tenant_id), store.journal.paused_jobs(fleet.tenant_id))


async def memory_of(fleet: Fleet) -> Memory:
    """Return what this machine's store knows, without making one; nothing if there is none.

    Raises:
        StoreError: There is a store, but it cannot be read.
    """
    return await asyncio.to_thread(_read, fleet)


def _read(fleet: Fleet) -> Memory:
    store = existing_store(environment().store_url)
    if store is None:
        return Memory()
    with store:
        return remember(store, fleet)

"""Eventual consistency: a new object reaches one replica of the directory after the other."""

from graph_emulator.identifiers import share

REPLICAS = 3


def arrivals(seed: int, identifier: str, created_at: float, lag_seconds: float) -> tuple[float, ...]:
    """When each replica knows the object; empty when there is no lag. The slowest takes the whole lag."""
    if lag_seconds <= 0:
        return ()
    early = [created_at + lag_seconds * (0.3 + 0.6 * share(seed, identifier, n)) for n in range(REPLICAS - 1)]
    slowest = int(share(seed, identifier, "slowest") * REPLICAS)
    early.insert(slowest, created_at + lag_seconds)
    return tuple(early)


def replica_of(seed: int, sequence: int) -> int:
    """The replica that answers a request: reads that follow each other hit different ones."""
    return int(share(seed, "replica", sequence) * REPLICAS)


def has_arrived(times: tuple[float, ...], replica: int, now: float) -> bool:
    """Whether a replica knows the object."""
    return not times or now >= times[replica]

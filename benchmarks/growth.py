"""Fleets under Microsoft's documented limits, in virtual time, and how the work grows with their size."""

from benchmarks.figures import Figure
from benchmarks.rollout import Rollout, roll_out
from graph_client import GraphSettings

# As many as a worker may take on, so that the budget is what takes time.
CONCURRENCY = 64
SMALL, MEDIUM, LARGE = 100, 1000, 2000


def growth() -> list[Figure]:
    """New fleets of three sizes: the middle one in full, the others for what an instance of them takes."""
    small, medium, large = (roll_out(size, concurrency=CONCURRENCY) for size in (SMALL, MEDIUM, LARGE))
    return [*_of_a_thousand(medium), *_growth(small, large)]


def _of_a_thousand(taken: Rollout) -> list[Figure]:
    settings = GraphSettings()
    rate = settings.writes_per_window / settings.write_window_seconds
    even = taken.writes / rate
    # The whole budget may be spent at once, and is there again after one window.
    soonest = (taken.writes - 1) // settings.writes_per_window * settings.write_window_seconds
    return [
        Figure(
            f"{taken.instances:,} new instances under the write budget",
            "≤ 1.15 of what it allows",
            f"{taken.seconds:.0f} s by the tenant's clock: {taken.seconds / even:.2f} of {even:.0f} s "
            f"at {rate:g} writes/s, {taken.seconds / soonest:.2f} of the soonest possible, {soonest:.0f} s",
        ),
        Figure("answers 429 among them", "< 1 %", f"{taken.throttled:.2%}"),
        Figure(
            f"second apply of {taken.instances:,}",
            "≤ 120 requests, 0 writes",
            f"{taken.again_on_wire} requests, {taken.again_writes} writes",
        ),
        Figure(f"monitor sweep of {taken.instances:,} jobs", "≤ 55 requests", f"{taken.sweep_on_wire} requests"),
    ]


def _growth(small: Rollout, large: Rollout) -> list[Figure]:
    requests = [taken.on_wire / taken.instances for taken in (small, large)]
    busy = [1000 * taken.busy_seconds / taken.instances for taken in (small, large)]
    return [
        Figure(
            f"requests each, {small.instances:,} and {large.instances:,} new instances",
            "the same",
            f"{requests[0]:.2f} and {requests[1]:.2f}",
        ),
        Figure(
            "processor time each, without the emulator's",
            "the same",
            f"{busy[0]:.0f} and {busy[1]:.0f} ms: ratio {busy[1] / busy[0]:.2f}",
        ),
    ]

"""Tenants in which a fleet has been provisioned already, and what commands cost that find nothing to do there."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.measure import Cost, Figure, run_command
from benchmarks.tenant import fleet_file, tenant

SIZES = (100, 1000, 5000)
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "plan": ("plan", "FLEET"),
    "apply with nothing to do": ("apply", "FLEET", "--yes"),
    "monitor --once": ("monitor", "FLEET", "--once"),
}


@dataclass(frozen=True)
class Nothing:
    """What a command took that found nothing to do: requests on the wire, writes among them, and its cost."""

    requests: int
    writes: int
    cost: Cost


def settled_fleets() -> list[Figure]:
    """What `plan`, `apply` and `monitor` cost with fleets of three sizes in which nothing is to be done."""
    costs: dict[str, list[Nothing]] = {name: [] for name in COMMANDS}
    for size in SIZES:
        with tenant(instances=size) as served, fleet_file(size) as path:
            for name, arguments in COMMANDS.items():
                since = served.seen()
                cost = run_command(served.environment, *(path if each == "FLEET" else each for each in arguments))
                asked = served.requests(since)
                costs[name].append(Nothing(asked.on_wire, asked.writes, cost))
    return [figure for name, taken in costs.items() for figure in _figures(name, taken)]


def _figures(name: str, taken: list[Nothing]) -> list[Figure]:
    sizes = ", ".join(f"{size:,}" for size in SIZES)
    requests = ", ".join(str(each.requests) for each in taken)
    seconds = ", ".join(f"{each.cost.busy_seconds:.1f}" for each in taken)
    memory = ", ".join(f"{each.cost.megabytes:.0f}" for each in taken)
    growth = [
        _steepening([each.requests for each in taken]),
        _steepening([each.cost.busy_seconds for each in taken]),
        _steepening([each.cost.megabytes for each in taken]),
    ]
    shown = ", ".join(f"{each:.2f}" for each in growth)
    return [
        Figure(
            f"{name}: what an instance more costs from {SIZES[1]:,} on, beside up to there: requests, time, memory",
            "≤ 1.2 each",
            shown,
        ),
        Figure(
            f"{name} at {sizes}",
            "0 writes",
            f"{requests} requests, {max(each.writes for each in taken)} writes; {seconds} s of processor time; "
            f"{memory} MB",
        ),
    ]


def _steepening(figures: list[float]) -> float:
    """How many times as much an instance costs between the upper two sizes as between the lower two; 1 is linear."""
    small, medium, large = figures
    lower = (medium - small) / (SIZES[1] - SIZES[0])
    upper = (large - medium) / (SIZES[2] - SIZES[1])
    return upper / lower

"""`python -m benchmarks [NAME ...]`: the table of what is promised and what was measured, in one run."""

import os
import sys
from collections.abc import Callable, Mapping

from benchmarks.answers import answers
from benchmarks.apply import apply_a_hundred, apply_a_thousand, starts
from benchmarks.harvest import harvest_a_million, harvest_events
from benchmarks.inventory import inventories
from benchmarks.measure import Figure
from benchmarks.rollout import growth
from benchmarks.settled import settled_fleets
from benchmarks.shards import shards
from benchmarks.ten_thousand import apply_ten_thousand

BENCHMARKS: Mapping[str, Callable[[], list[Figure]]] = {
    "starts": starts,
    "apply": apply_a_hundred,
    "thousand": apply_a_thousand,
    "growth": growth,
    "settled": settled_fleets,
    "harvest": harvest_events,
    "inventory": inventories,
    "million": harvest_a_million,
    "answers": answers,
    "shards": shards,
    "ten-thousand": apply_ten_thousand,
}
BY_DEFAULT = ("starts", "apply", "growth", "settled", "harvest", "inventory")


def main() -> None:
    """Run those that are named, or all that take less than a minute each on a quiet machine."""
    names = sys.argv[1:] or BY_DEFAULT
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"There is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}.")
    _say("| figure | goal | measured |")
    _say("|---|---|---|")
    for name in names:
        for figure in BENCHMARKS[name]():
            _say(str(figure))
    _say(f"\n{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}: with others on the machine, trust the counts.")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a benchmark speaks


if __name__ == "__main__":
    main()

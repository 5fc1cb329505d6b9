"""`python -m graph_emulator`: serve a tenant until stopped."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from graph_emulator.cloud import EmulatedCloud, subsidiaries
from graph_emulator.emulator import Emulator
from graph_emulator.faults.profiles import PROFILES
from graph_emulator.faults.rules import read_fault
from graph_emulator.settings import EmulatorError, EmulatorSettings


def run(
    settings: EmulatorSettings, port: int, directory: Path, faults: Sequence[str] = (), target_tenants: int = 0
) -> int:
    """Serve the tenant until SIGINT or SIGTERM.

    Args:
        settings: the tenant and its profile.
        port: 0 takes a free one.
        directory: where `ca.pem` and `env.sh` are written.
        faults: fault rules, as on the command line.
        target_tenants: how many further tenants there are for cross-tenant synchronization.

    Returns:
        The exit status: 0 stopped, 1 could not listen or write, 2 unknown profile or rule.
    """
    try:
        rules, others = [read_fault(text) for text in faults], subsidiaries(settings, target_tenants)
        # Not a cloud of one: a tenant that is alone accepts every target tenant.
        emulator = EmulatedCloud([settings, *others], faults=rules) if others else Emulator(settings, faults=rules)
    except EmulatorError as error:
        _say_error(error)
        return 2  # as argparse exits on bad arguments
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with emulator.serve(port, directory) as served:
            print(f"{served.url}  profile {settings.profile}, source {directory / 'env.sh'}", flush=True)  # noqa: T201
            stop.wait()
    except EmulatorError as error:
        _say_error(error)
        return 1
    return 0


def _say_error(error: EmulatorError) -> None:
    print(f"graph_emulator: {error}", file=sys.stderr)  # noqa: T201 - a command speaks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="graph_emulator", description="A Microsoft Graph tenant on this machine.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--dir", type=Path, default=Path("graph-emulator"), help="for ca.pem and env.sh")
    profiles = "; ".join(f"{name}: {profile.summary}" for name, profile in PROFILES.items())
    parser.add_argument(
        "--profile", action="append", help=f"joined by +, or several times; {profiles.replace('%', '%%')}"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="RULE", help="such as 'instantiate#3: commit, then reset'"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same tenant")
    parser.add_argument("--estate", type=int, default=0, help="service principals the tenant has to begin with")
    parser.add_argument(
        "--target-tenants", type=int, default=0, help="further tenants, for cross-tenant synchronization"
    )
    chosen = parser.parse_args(arguments)
    settings = EmulatorSettings(seed=chosen.seed, profile="+".join(chosen.profile or ["calm"]), estate=chosen.estate)
    return run(settings, chosen.port, chosen.dir, chosen.fault, chosen.target_tenants)


if __name__ == "__main__":
    sys.exit(main())

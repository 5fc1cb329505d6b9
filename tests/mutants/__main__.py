"""Breaks a copy of the tree in one small way after the other, and tells whether the tests notice: `make mutants`."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.catalogue import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 300


def main() -> int:
    """Print a line a mutant; return 1 if one of them lives."""
    alive = []
    with tempfile.TemporaryDirectory(prefix="entra-fleet-mutants-") as directory:
        tree = Path(directory) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info"))
        for mutant in MUTANTS:
            started = time.monotonic()
            killed = noticed(mutant, tree)
            sys.stdout.write(
                f"{'killed' if killed else 'ALIVE ':6}  {time.monotonic() - started:5.1f} s  {mutant.name}\n"
            )
            sys.stdout.flush()
            if not killed:
                alive.append(mutant)
    sys.stdout.write(f"{len(MUTANTS) - len(alive)} of {len(MUTANTS)} killed\n")
    return 1 if alive else 0


def noticed(mutant: Mutant, tree: Path) -> bool:
    """Run a mutant's tests on a tree that is broken by it, and mend the tree."""
    file = tree / mutant.file
    sound = file.read_text(encoding="utf-8")
    if sound.count(mutant.text) != 1:
        raise SystemExit(
            f"{mutant.name}: {mutant.file} does not hold its text once; correct tests/mutants/catalogue.py"
        )
    file.write_text(sound.replace(mutant.text, mutant.instead), encoding="utf-8")
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout=120", *mutant.killers],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        file.write_text(sound, encoding="utf-8")
    # 1: tests ran and failed. Anything else, such as a file that cannot be imported, proves nothing.
    return ended.returncode == 1


if __name__ == "__main__":
    sys.exit(main())

"""Where commands print: one document on standard output, everything for a person to watch on standard error."""

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from flows.reconcile.steps.failure import StepFailed


def person() -> Console:
    """Return the console for what a person reads as the result of a command."""
    return Console(highlight=False)


def aside() -> Console:
    """Return the console for what goes on meanwhile."""
    return Console(stderr=True, highlight=False)


def show_failure(key: str, failure: "StepFailed") -> None:
    """Print why an instance failed, and at which step."""
    aside().print(Text(f"\n{key} failed at {failure.step}:\n{failure}"), soft_wrap=True)


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")

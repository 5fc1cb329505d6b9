"""Confirmation before anything is changed."""

import sys

from flows.cli.errors import BadUsage


def require_terminal(command: str) -> None:
    """Check that confirmation can be asked for.

    Raises:
        BadUsage: Standard input is not a terminal.
    """
    if not sys.stdin.isatty():
        raise BadUsage(f"{command} asks before it changes anything, but there is no terminal to ask on.\nAdd --yes.")

"""Asking a person before anything is changed."""

import sys

from flows.cli.errors import BadUsage


def require_terminal(command: str) -> None:
    """Make sure that there is somebody to ask.

    Raises:
        BadUsage: Standard input is no terminal.
    """
    if not sys.stdin.isatty():
        raise BadUsage(f"{command} asks before it changes anything, and there is no terminal to ask on.\nAdd --yes.")

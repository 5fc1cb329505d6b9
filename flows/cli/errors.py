"""Which errors are shown as plain messages, and their exit codes."""

from flows.base_error import FAILED, INTERRUPTED, USAGE, EntraFleetError

__all__ = ["FAILED", "INTERRUPTED", "USAGE", "BadUsage", "CommandFailed", "exit_code_of"]


class CommandFailed(EntraFleetError):
    """A command cannot continue."""


class BadUsage(CommandFailed):
    """The options contradict each other or the file."""

    exit_code = USAGE


def exit_code_of(error: Exception) -> int | None:
    """Return the exit code of an expected error, or None for a defect, which needs a traceback."""
    if isinstance(error, EntraFleetError):
        return error.exit_code
    # Graph's own have a base of their own, which `--help` does not import; whatever raised one has.
    from graph_client.errors import GraphError

    return FAILED if isinstance(error, GraphError) else None

"""Which errors are shown as plain messages, and their exit codes."""

FAILED = 1
USAGE = 2
BUSY = 3


class CommandFailed(Exception):
    """A command cannot continue; its text is one to three lines."""


class BadUsage(CommandFailed):
    """The options contradict each other or the file."""


def exit_code_of(error: Exception) -> int | None:
    """Return the exit code of an expected error, or None for a defect, which needs a traceback."""
    # Whatever command raised the error has imported these; `--help` has not.
    from flows.configuration.environment import EnvironmentIncomplete
    from flows.configuration.sign_in import UnknownBlock, WrongTenant
    from flows.errors import FLEET_BUSY, StepFailed
    from flows.fleet_file.loader import FleetFileError
    from flows.plan.diff import UnknownKey
    from flows.plan.safety import PlanRefused
    from flows.store import StoreError
    from graph_client.errors import GraphError

    if isinstance(error, BadUsage | UnknownKey):
        return USAGE
    if isinstance(error, StepFailed) and error.code == FLEET_BUSY:
        return BUSY
    failures = (
        CommandFailed,
        WrongTenant,
        UnknownBlock,
        EnvironmentIncomplete,
        FleetFileError,
        PlanRefused,
        StepFailed,
        StoreError,
        GraphError,
    )
    return FAILED if isinstance(error, failures) else None

"""The base of every error that is explained to people.

It imports nothing: every room raises its subclasses, and `entra-fleet --help` has no time for Graph.
"""

FAILED = 1
USAGE = 2  # as Click exits on bad arguments
BUSY = 3
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class EntraFleetError(Exception):
    """An error that a person can act on; it is shown in one to three lines, without a traceback.

    Args:
        message: What happened, and where.
        hint: What to do.
    """

    exit_code: int = FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.message, self.hint)))

"""Keeping secrets out of errors that nobody foresaw: Prefect logs their text, and keeps it as a state."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.errors import KNOWN_ERRORS
from graph_client.redaction import mask


class Redacted(Exception):
    """An unexpected error that held a secret, or whose cause, context, notes or parts did; this one's text has none."""


@contextmanager
def redact_errors() -> Iterator[None]:
    """Let no error carry a secret out of the block.

    Raises:
        Redacted: In place of an error that would; it has its traceback, and neither cause nor context.
    """
    try:
        yield
    except KNOWN_ERRORS:
        # Their texts are redacted where they are worded.
        raise
    except (Exception, BaseExceptionGroup, SystemExit) as error:
        text = format_error(error)
        if mask(text) == text:
            raise
        summary = f"{type(error).__name__}: {_convert(error, str)}"
        raise Redacted(mask(summary)).with_traceback(error.__traceback__) from None


def format_error(error: BaseException) -> str:
    """Return all that can be printed of an error, its causes, notes and parts included; never a local variable."""
    return "".join(traceback.format_exception(error)) + _convert(error, repr)


def _convert(error: BaseException, convert: Callable[[object], str]) -> str:
    try:
        return convert(error)
    except Exception as failure:  # noqa: BLE001  # an error's own text is the last thing that may fail
        return f"<{type(failure).__name__}>"

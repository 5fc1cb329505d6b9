"""Keeping secrets out of unforeseen errors: Prefect logs their text, and keeps it as a state."""

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.base_error import EntraFleetError
from flows.errors import KNOWN_ERRORS, StepFailed
from graph_client.errors import GraphError
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
        # The usual case: an error without a secret keeps its type, cause and notes.
        if mask(text) == text:
            raise
        summary = f"{type(error).__name__}: {_convert(error, str)}"
        raise Redacted(mask(summary)).with_traceback(error.__traceback__) from None


def format_error(error: BaseException) -> str:
    """Return all that can be printed of an error, its causes, notes and parts included; never a local variable."""
    # The repr as well: a logger may print that, and it can hold more than the text.
    return "".join(traceback.format_exception(error)) + _convert(error, repr)


def _convert(error: BaseException, convert: Callable[[object], str]) -> str:
    try:
        return convert(error)
    except Exception as failure:  # noqa: BLE001  # an error's own text is the last thing that may fail
        return f"<{type(failure).__name__}>"


_LOGGERS = (
    "prefect.task_runs",
    "prefect.flow_runs",
    "prefect.task_engine",
    "prefect.flow_engine",
    "prefect.engine",
)


class Readable(logging.Filter):
    """Drops the traceback of a failure that we worded ourselves: a traceback is for defects.

    Drops too that each task has completed, which in a run of 700 hides the lines that say something.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a record through, shortened where its exception says all there is to say."""
        # Prefect words the line itself, so it can be recognized only by its beginning.
        if record.name == "prefect.task_runs" and str(record.msg).startswith("Finished in state Completed("):
            return False
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, EntraFleetError | GraphError):
            record.exc_info = None
            record.msg = f"{error.step}: {error}" if isinstance(error, StepFailed) else str(error)
            record.args = ()
        elif record.exc_info == (None, None, None):
            record.exc_info = None
        return True


class RedactedRecords:
    """Makes log records without secrets, whichever logger they come from and whichever handler they go to."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self.make = make

    def __call__(self, *args: object, **fields: object) -> logging.LogRecord:
        """Make a record."""
        record = self.make(*args, **fields)
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001  # a malformed call is for logging itself to report, with its arguments
            text = f"{record.msg} {record.args}"
        redacted = mask(text)
        if redacted != text:
            record.msg, record.args = redacted, ()
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            text = format_error(error)
            redacted = mask(text)
            if redacted != text:
                record.exc_info, record.exc_text = None, redacted
        return record


def install_log_filter() -> None:
    """Have Prefect's loggers say no more than a person needs, and no logger a secret."""
    make = logging.getLogRecordFactory()
    # Each flow of a process installs it: the second time there is nothing to do.
    if not isinstance(make, RedactedRecords):
        logging.setLogRecordFactory(RedactedRecords(make))
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, Readable) for each in logger.filters):
            logger.addFilter(Readable())

"""What Prefect logs: of a failed step the one to three lines a person needs, of one that went well nothing."""

import logging

from flows.reconcile.steps.failure import StepFailed
from flows.store import StoreError
from graph_client.errors import GraphError

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
        if record.name == "prefect.task_runs" and str(record.msg).startswith("Finished in state Completed("):
            return False
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, StepFailed | GraphError | StoreError):
            record.exc_info = None
            record.msg = f"{error.step}: {error}" if isinstance(error, StepFailed) else str(error)
            record.args = ()
        elif record.exc_info == (None, None, None):
            record.exc_info = None
        return True


def quiet_expected_failures() -> None:
    """Have Prefect's loggers say no more than a person needs."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, Readable) for each in logger.filters):
            logger.addFilter(Readable())

"""What Prefect logs of a failed step: the one to three lines a person needs."""

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


class ExpectedFailures(logging.Filter):
    """Drops the traceback of a failure that we worded ourselves; a traceback is for defects."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, shortened where its exception says all there is to say."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, StepFailed | GraphError | StoreError):
            record.exc_info = None
            record.msg = f"{error.step}: {error}" if isinstance(error, StepFailed) else str(error)
            record.args = ()
        elif record.exc_info == (None, None, None):
            record.exc_info = None
        return True


def quiet_expected_failures() -> None:
    """Have Prefect's loggers drop the tracebacks of failures we worded ourselves."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, ExpectedFailures) for each in logger.filters):
            logger.addFilter(ExpectedFailures())

"""Keeping secrets out of errors that nobody foresaw: Prefect logs their text, and keeps it as a state."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flows.reconcile.references import Secret
from flows.reconcile.steps.failure import KNOWN_ERRORS
from graph_client.envelope import masked


class Withheld(Exception):
    """An unexpected error whose text, or whose cause's, held a secret; this one's has it masked."""


@contextmanager
def withheld(values: Mapping[str, Secret]) -> Iterator[None]:
    """Let no error carry one of these values out of the block.

    Raises:
        Withheld: In place of an error that would.
    """
    secrets = [secret.value.get_secret_value() for secret in values.values()]
    try:
        yield
    except KNOWN_ERRORS:
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        told = "".join(traceback.format_exception(error)) + repr(error)
        if masked(told, secrets) == told:
            raise
        raise Withheld(masked(text, secrets)).with_traceback(error.__traceback__) from None

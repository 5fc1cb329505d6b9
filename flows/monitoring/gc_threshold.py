"""The garbage collector while much JSON is read."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_USUAL = gc.get_threshold()
_OBJECTS = 10_000


@contextmanager
def raise_gc_threshold() -> Iterator[None]:
    """Look for garbage less often for a while.

    A page of 500 events is some fifteen thousand dictionaries and lists, and none is garbage: looking through them
    after every 700 takes as long as parsing them. Not to look at all would let the memory grow page by page.
    """
    gc.set_threshold(_OBJECTS, *_USUAL[1:])
    try:
        yield
    finally:
        gc.set_threshold(*_USUAL)

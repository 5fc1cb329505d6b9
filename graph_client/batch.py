"""Reads that are awaited at the same time share requests.

https://learn.microsoft.com/graph/json-batching
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from .batch_protocol import LARGEST_BATCH, answer_as, build_batch, may_be_batched, read_answers
from .call import Call
from .errors import GraphError, GraphStatusError, Unauthorized
from .fresh_objects import FreshObjects
from .protocol import Answer
from .retry import worth_repeating
from .session import Session
from .settings import GraphSettings

__all__ = ["BatchedSession"]

# One read that is refused in a batch and good alone may be two replicas that differ; so many are a rule.
_PROOFS = 3
_HEALED_BY_A_NEW_TOKEN = "InvalidAuthenticationToken"  # noqa: S105  # an error code


class _Takes(enum.Enum):
    """Whether Graph takes synchronization paths in a batch: its documentation does not tell."""

    UNKNOWN = "unknown"
    YES = "yes"
    NO = "no"


class _Batch:
    """Calls that wait for one request."""

    def __init__(self, deliver: Callable[[_Batch], Coroutine[Any, Any, list[Answer] | None]]) -> None:
        self.calls: list[Call] = []
        self.full = asyncio.Event()
        self.answers = asyncio.create_task(deliver(self))


class BatchedSession:
    """Sends like a session, but reads that come within a moment of each other go out as one `$batch`.

    Each of them keeps its own answer, errors, repetitions and place in the pacing budgets; a repeated one joins
    whatever batch leaves next. What Graph does not take in a batch is sent by itself.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._open: _Batch | None = None
        self._under_way: set[asyncio.Task[Any]] = set()
        self._batches_refused = False
        self._synchronization = _Takes.UNKNOWN
        self._refusals = 0
        self._turn = asyncio.Lock()

    @property
    def settings(self) -> GraphSettings:
        """The settings of the session."""
        return self._session.settings

    @property
    def fresh_objects(self) -> FreshObjects:
        """Those of the session."""
        return self._session.fresh_objects

    async def request(self, call: Call) -> Any:
        """See `Session.request`."""
        return await self._session.request(call, self._attempt)

    async def aclose(self) -> None:
        """Give up the batches that nobody waits for any more."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _attempt(self, call: Call) -> Any:
        answer = await self._answer(call) if self._is_taken(call) else None
        if answer is None:
            return await self._session.attempt(call)
        try:
            value = self._session.decoded(call, answer)
        except Unauthorized as error:
            if error.code == _HEALED_BY_A_NEW_TOKEN:
                return await self._session.attempt(call)
            return await self._doubt(call, error)
        except GraphStatusError as error:
            return await self._doubt(call, error)
        if _is_synchronization(call):
            self._synchronization = _Takes.YES
        return value

    def _is_taken(self, call: Call) -> bool:
        if self._batches_refused or not may_be_batched(call):
            return False
        return self._synchronization is not _Takes.NO or not _is_synchronization(call)

    async def _answer(self, call: Call) -> Answer | None:
        """The answer to a call from the batch it joined; None if it has to go by itself."""
        if self._open is None:
            self._open = _Batch(self._deliver)
            self._under_way.add(self._open.answers)
            self._open.answers.add_done_callback(self._landed)
        batch, place = self._open, len(self._open.calls)
        batch.calls.append(call)
        if len(batch.calls) == LARGEST_BATCH:
            self._open = None
            batch.full.set()
        try:
            # One that gives up must not take the others with it.
            answers = await asyncio.shield(batch.answers)
        except GraphError as error:
            raise answer_as(error, call, self._session.url_of(call)) from None
        return None if answers is None else answers[place]

    def _landed(self, answers: asyncio.Task[Any]) -> None:
        self._under_way.discard(answers)
        if not answers.cancelled():
            # Those who asked may all have given up: then nobody is left to hear what went wrong.
            answers.exception()

    async def _deliver(self, batch: _Batch) -> list[Answer] | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.batch_linger_seconds):
                await batch.full.wait()
        if self._open is batch:
            self._open = None
        if len(batch.calls) == 1:
            return None
        whole = build_batch(batch.calls)
        answer = await self._session.exchange(whole, batch.calls)
        if answer.status < 400:
            return read_answers(self._session.decoded(whole, answer), answer, len(batch.calls))
        if _refuses(answer.status):
            self._batches_refused = True
            return None
        return [answer] * len(batch.calls)

    async def _doubt(self, call: Call, error: GraphStatusError) -> Any:
        """Raise the error, unless it may be about the batch: then the call asks once more by itself.

        What is refused only in batches stays out of them from then on.
        """
        believed = self._synchronization is _Takes.YES or not _is_synchronization(call)
        if believed or worth_repeating(call, error):
            raise error
        async with self._turn:
            if self._synchronization is _Takes.UNKNOWN:
                return await self._ask_alone(call, error)
        if self._synchronization is _Takes.YES:
            raise error
        return await self._session.attempt(call)

    async def _ask_alone(self, call: Call, refused: GraphStatusError) -> Any:
        try:
            value = await self._session.attempt(call)
        except GraphStatusError as error:
            if error.status == refused.status:
                self._synchronization = _Takes.YES
            raise
        self._refusals += 1
        if self._refusals == _PROOFS and self._synchronization is _Takes.UNKNOWN:
            self._synchronization = _Takes.NO
        return value


def _is_synchronization(call: Call) -> bool:
    return "/synchronization/" in call.path


def _refuses(status: int) -> bool:
    """Whether a gateway or cloud has no batches, rather than no time or no faith in the token."""
    return (400 <= status < 500 and status not in (401, 408, 429)) or status == 501

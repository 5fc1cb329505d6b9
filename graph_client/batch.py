"""JSON batching: reads that are awaited at the same time share requests.

https://learn.microsoft.com/graph/json-batching
"""

from __future__ import annotations

import asyncio
import copy
import enum
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from pydantic_core import to_json

from graph_client.call import Call
from graph_client.errors import GraphError, GraphStatusError, Unauthorized
from graph_client.protocol import Answer, path_on_wire, query_string
from graph_client.replication import FreshObjects
from graph_client.retry import worth_repeating
from graph_client.session import Session
from graph_client.settings import GraphSettings

__all__ = ["LARGEST_BATCH", "BatchedSession", "answer_as", "build_batch", "may_be_batched", "read_answers"]


LARGEST_BATCH = 20  # Graph refuses a larger batch as a whole

E = TypeVar("E", bound=GraphError)


def may_be_batched(call: Call) -> bool:
    """Whether a call is a plain read of a relative path; a nextLink is followed outside any batch.

    Reporting calls are left out: a batch could hold more of them than Graph accepts in ten seconds.
    """
    # The url of a part is relative to the API version, and a nextLink is absolute.
    relative = call.path.startswith("/") and not call.path.startswith("//")
    # Only reads: a lost batch of writes would leave up to twenty unknown outcomes.
    plain = call.method == "GET" and not call.headers and not call.public and call.api_version is None
    return plain and relative and not call.path.startswith("/auditLogs/")


def build_batch(calls: Sequence[Call]) -> Call:
    """The call that carries the others; each has its position as id."""
    steps = [{"id": str(place), "method": call.method, "url": _relative(call)} for place, call in enumerate(calls)]
    return Call(method="POST", path="/$batch", body={"requests": steps})


def read_answers(body: Mapping[str, Any], outer: Answer, count: int) -> list[Answer]:
    """The answers by position, in whatever order they arrive; a missing or garbled one is an empty answer."""
    # An empty answer with status 200 is unreadable to the protocol, and is therefore read again.
    found = [replace(outer, content=b"")] * count
    parts = body.get("responses")
    for part in parts if isinstance(parts, list) else ():
        place = _place(part)
        if place is not None and place < count:
            found[place] = _answer(part, outer)  # a place that no part names stays unreadable
    return found


def answer_as(error: E, call: Call, url: str) -> E:
    """The error of a whole batch as that of one of its calls: a copy, because each attempt adds to its own."""
    # A copy for each caller: all calls of the batch share the error, and each writes its own path into it.
    own = copy.copy(error)
    if own.verb is not None:
        own.verb, own.path = call.method, path_on_wire(url)
    # The batch is a POST, but all that it carries are reads.
    own.may_have_happened = False
    return own


def _relative(call: Call) -> str:
    query = query_string(call.query)
    return call.path + (f"?{query}" if query else "")


def _place(part: Any) -> int | None:
    if not isinstance(part, dict) or not isinstance(part.get("status"), int) or not 100 <= part["status"] <= 599:
        return None
    name = part.get("id")
    # Answers come in any order; the id alone says whose they are.
    return int(name) if isinstance(name, str) and re.fullmatch("[0-9]{1,2}", name) else None


def _answer(part: Mapping[str, Any], outer: Answer) -> Answer:
    headers, body = part.get("headers"), part.get("body")
    named = headers.items() if isinstance(headers, dict) else ()
    # A body other than JSON arrives as text: base64, or a gateway's page.
    content = body.encode("utf-8", "replace") if isinstance(body, str) else b"" if body is None else to_json(body)
    return replace(
        outer,
        status=part["status"],
        headers={str(name).lower(): str(value) for name, value in named},
        content=content,
    )


# One read that fails in a batch and succeeds alone may be two replicas that differ; this many are a rule.
_PROOFS = 3
_HEALED_BY_A_NEW_TOKEN = "InvalidAuthenticationToken"  # noqa: S105  # an error code


class _Takes(enum.Enum):
    """Whether Graph accepts synchronization paths in a batch, which its documentation does not say."""

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
    """Sends like a session, but reads that arrive within a moment of each other leave as one `$batch`.

    Each read keeps its own answer, errors, retries and share of the pacing budgets; a retry joins whatever batch
    leaves next. What Graph does not accept in a batch is sent on its own.
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
        """The new objects, as the session knows them."""
        return self._session.fresh_objects

    async def request(self, call: Call) -> Any:
        """See `Session.request`."""
        return await self._session.request(call, self._send_once)

    async def aclose(self) -> None:
        """Cancel the batches that are still under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _send_once(self, call: Call) -> Any:
        answer = await self._answer(call) if self._is_taken(call) else None
        if answer is None:
            return await self._session.send_once(call)
        try:
            value = self._session.decoded(call, answer)
        except Unauthorized as error:
            # A part has no sign-in of its own that could renew the token.
            if error.code == _HEALED_BY_A_NEW_TOKEN:
                return await self._session.send_once(call)
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
        """The answer to a call from the batch it joined; None if the call has to be sent on its own."""
        if self._open is None:
            self._open = _Batch(self._deliver)
            self._under_way.add(self._open.answers)
            self._open.answers.add_done_callback(self._landed)
        batch, place = self._open, len(self._open.calls)
        batch.calls.append(call)
        # Full: the next read opens another one.
        if len(batch.calls) == LARGEST_BATCH:
            self._open = None
            batch.full.set()
        try:
            # A caller that is cancelled must not cancel the batch of the others.
            answers = await asyncio.shield(batch.answers)
        except GraphError as error:
            raise answer_as(error, call, self._session.url_of(call)) from None
        return None if answers is None else answers[place]

    def _landed(self, answers: asyncio.Task[Any]) -> None:
        self._under_way.discard(answers)
        if not answers.cancelled():
            # All callers may be cancelled by now: retrieving the error avoids asyncio's warning.
            answers.exception()

    async def _deliver(self, batch: _Batch) -> list[Answer] | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.batch_linger_seconds):
                await batch.full.wait()
        if self._open is batch:
            self._open = None
        # A batch of one saves nothing.
        if len(batch.calls) == 1:
            return None
        whole = build_batch(batch.calls)
        # Counted as its parts: Graph throttles each of them, and not the batch.
        answer = await self._session.exchange(whole, batch.calls)
        if answer.status < 400:
            return read_answers(self._session.decoded(whole, answer), answer, len(batch.calls))
        if _refuses(answer.status):
            # Not asked again: the refusal of `$batch` itself does not depend on what is in the batch.
            self._batches_refused = True
            return None
        # A rejected token or an overload concerns each of the calls, and each retries on its own.
        return [answer] * len(batch.calls)

    async def _doubt(self, call: Call, error: GraphStatusError) -> Any:
        """Raise the error, unless it may be about the batch: then send the call again on its own.

        What fails only in batches is left out of them from then on.
        """
        believed = self._synchronization is _Takes.YES or not _is_synchronization(call)
        if believed or worth_repeating(call, error):
            raise error
        # One at a time: up to twenty parts are refused together, and one answer settles it for all.
        async with self._turn:
            if self._synchronization is _Takes.UNKNOWN:
                return await self._ask_alone(call, error)
        if self._synchronization is _Takes.YES:
            raise error
        return await self._session.send_once(call)

    async def _ask_alone(self, call: Call, refused: GraphStatusError) -> Any:
        try:
            value = await self._session.send_once(call)
        except GraphStatusError as error:
            # The same refusal outside a batch: then the batch was not the reason.
            if error.status == refused.status:
                self._synchronization = _Takes.YES
            raise
        # Alone it succeeded: this speaks against batches, but replicas that differ look the same, so it is counted.
        self._refusals += 1
        if self._refusals == _PROOFS and self._synchronization is _Takes.UNKNOWN:
            self._synchronization = _Takes.NO
        return value


def _is_synchronization(call: Call) -> bool:
    return "/synchronization/" in call.path


def _refuses(status: int) -> bool:
    """Whether a status means that this gateway or cloud has no batches: not overload, nor a rejected token."""
    # A new token or time heals 401, 408 and 429; of the 5xx only 501 says that the server has no batches.
    return (400 <= status < 500 and status not in (401, 408, 429)) or status == 501

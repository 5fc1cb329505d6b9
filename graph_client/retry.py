"""What is sent again, when, and how often: decided by the call, not by the status alone."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

from graph_client.call import Call, Repeat
from graph_client.errors import (
    AuthFailed,
    Conflict,
    Forbidden,
    GraphError,
    GraphStatusError,
    NotFound,
    QuotaExceeded,
    TransportFailed,
    UnreadableAnswer,
    WaitExpired,
)
from graph_client.hints import says_unlicensed
from graph_client.settings import GraphSettings

__all__ = ["Clock", "Retrying", "Sleep", "in_grace", "is_licence_doubtful", "wait_until", "worth_repeating"]


T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]

_HEALING_STATUS = frozenset({408, 429, 500, 502, 503, 504})


def worth_repeating(call: Call, error: BaseException | None) -> bool:
    """Whether sending this call again is both safe and promising."""
    if isinstance(error, TransportFailed):
        return error.heals and (error.nothing_sent or call.repeat is Repeat.IDEMPOTENT)
    if call.repeat is Repeat.NEVER or isinstance(error, QuotaExceeded):
        return False
    if isinstance(error, Conflict):
        return error.code == "Directory_ConcurrencyViolation"
    if isinstance(error, GraphStatusError):
        return error.heals and error.status in _HEALING_STATUS
    # A body cut off on the way, or a page that leads to another host.
    return isinstance(error, UnreadableAnswer) and error.status in (200, 201)


def in_grace(call: Call, error: BaseException | None) -> bool:
    """Whether the error says "not yet" about a new object, and waiting is all that is to be done about it."""
    if not isinstance(error, GraphStatusError) or not error.not_yet or error.grace_seconds_left <= 0:
        return False
    if isinstance(error, NotFound) and (call.none_if_absent or call.method == "DELETE"):
        return False
    # Graph is known to answer 404 although it did what was asked: the caller has to look before a repetition.
    return call.repeat is not Repeat.NEVER


def is_licence_doubtful(call: Call, error: BaseException | None) -> bool:
    """Whether Graph denies a licence to a call that may be repeated: licensed tenants are told so now and then.

    https://github.com/microsoftgraph/microsoft-graph-docs/issues/14120
    """
    return call.repeat is Repeat.IDEMPOTENT and isinstance(error, Forbidden) and says_unlicensed(error.code)


class Retrying:
    """Runs attempts of a call within its budgets; sleep, clock and chance are injectable."""

    def __init__(
        self,
        settings: GraphSettings,
        sleep: Sleep,
        clock: Clock = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._clock = clock
        self._chance = chance

    async def run(self, call: Call, attempt: Callable[[], Awaitable[T]]) -> T:
        """The value of the first attempt that succeeds.

        Raises:
            GraphError: the last one, when no further attempt is allowed; it says why it ended.
        """
        course = _Course(call, self._settings, self._clock, self._chance)
        return await course.run(attempt, self._sleep)

    async def run_sign_in(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Like `run`, for sign-in: only transient failures are repeated."""
        settings = self._settings
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, AuthFailed) and e.transient),
            wait=lambda state: _delay(state.outcome, settings, state.attempt_number, self._chance()),
            stop=_SignInLimit(settings, self._clock),
            sleep=self._sleep,
            reraise=True,
        )
        return await _run(retrying, attempt)


async def _run(retrying: tenacity.AsyncRetrying, attempt: Callable[[], Awaitable[T]]) -> T:
    # tenacity awaits only what was defined as a coroutine function, which a lambda is not.
    async def once() -> T:
        return await attempt()

    return await retrying(once)


class _SignInLimit:
    def __init__(self, settings: GraphSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._started = clock()

    def __call__(self, state: tenacity.RetryCallState) -> bool:
        late = self._clock() - self._started + state.upcoming_sleep > self._settings.sign_in_retry_seconds
        return late or state.attempt_number >= self._settings.sign_in_attempts


def _delay(outcome: tenacity.Future | None, settings: GraphSettings, attempt_number: int, chance: float) -> float:
    """Retry-After where given, else exponential with jitter between half and whole."""
    error = outcome.exception() if outcome else None
    asked = getattr(error, "retry_after_seconds", None)
    if asked is not None:
        return float(asked)
    whole = min(settings.first_backoff_seconds * 2 ** (attempt_number - 1), settings.longest_backoff_seconds)
    return float(whole * (0.5 + chance / 2))


class _Course:
    """One call's way through its attempts."""

    def __init__(self, call: Call, settings: GraphSettings, clock: Clock, chance: Callable[[], float]) -> None:
        self._call = call
        self._settings = settings
        self._clock = clock
        self._chance = chance
        self._started = clock()
        self._faults = 0
        self._graces = 0
        self._unknown = False

    async def run(self, attempt: Callable[[], Awaitable[T]], sleep: Sleep) -> T:
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(self._goes_on),
            wait=self._wait,
            stop=self._stop,
            sleep=sleep,
            reraise=True,
        )
        return await _run(retrying, attempt)

    def _goes_on(self, error: BaseException) -> bool:
        if not isinstance(error, GraphError):
            return False
        # What an earlier attempt may have done does not go away by a later clean refusal.
        self._unknown = error.may_have_happened = self._unknown or error.may_have_happened
        if in_grace(self._call, error):
            self._graces += 1
            return True
        self._faults += 1
        if is_licence_doubtful(self._call, error):
            return self._faults == 1
        return worth_repeating(self._call, error)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if in_grace(self._call, error) and getattr(error, "retry_after_seconds", None) is None:
            settings = self._settings
            interval = settings.grace_interval_seconds * 1.5 ** (self._graces - 1)
            return float(min(interval, settings.longest_grace_interval_seconds))
        return _delay(state.outcome, self._settings, max(1, self._faults), self._chance())

    def _stop(self, state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        elapsed = self._clock() - self._started
        graceful = in_grace(self._call, error)
        left = getattr(error, "grace_seconds_left", 0.0) if graceful else self._settings.total_retry_seconds - elapsed
        late = state.upcoming_sleep > left
        spent = self._faults >= self._settings.attempts
        if (late or spent) and isinstance(error, GraphError):
            error.gave_up = self._farewell(error, state, elapsed, left, late=late)
        return late or spent

    def _farewell(
        self, error: GraphError, state: tenacity.RetryCallState, elapsed: float, left: float, *, late: bool
    ) -> str:
        text = f"gave up after {state.attempt_number} attempts in {elapsed:.0f} s"
        asked = getattr(error, "retry_after_seconds", None)
        if late and asked is not None:
            text += f" (Graph asks to wait {asked:g} s, {max(0.0, left):.0f} s of the retry budget are left)"
        return text


_GROWTH = 1.5


async def wait_until(
    check: Callable[[], Awaitable[T | None]],
    *,
    seen: int,
    within_seconds: float,
    interval_seconds: float,
    longest_interval_seconds: float,
    sleep: Sleep,
    clock: Clock,
) -> T:
    """The value of `check` after `seen` good reads; one bad read between costs one more good one.

    Replicas answer in turn, so one good read proves little, and one bad one after it does not disprove all.
    An answer that a fresh object explains (`not_yet`) counts as a bad read, any other error ends the wait.

    Raises:
        WaitExpired: when the time is over; no wait starts that would end later.
    """
    started = clock()
    good, reads, pause = 0, 0, interval_seconds
    last: GraphStatusError | None = None
    while True:
        value: T | None = None
        reads += 1
        try:
            value = await check()
        except GraphStatusError as error:
            if not error.not_yet:
                raise
            last = error
        if value is not None:
            good, pause = good + 1, interval_seconds
            if good >= seen:
                return value
        else:
            good = max(0, good - 1)
        if clock() - started + pause > within_seconds:
            raise _expired(clock() - started, reads, good, seen, last)
        await sleep(pause)
        if value is None:
            pause = min(pause * _GROWTH, longest_interval_seconds)


def _expired(elapsed_seconds: float, reads: int, good: int, seen: int, last: GraphStatusError | None) -> WaitExpired:
    expired = WaitExpired(
        f"not settled after {elapsed_seconds:.0f} s: {reads} reads, {good} of {seen} good ones in the end",
        hint="wait longer, or look at the object in the portal",
    )
    if last is not None:
        expired.what += f"; the last refusal: {last.what}"
        expired.verb, expired.path, expired.status = last.verb, last.path, last.status
        expired.code, expired.message, expired.request_id = last.code, last.message, last.request_id
        expired.hint = last.hint or expired.hint
    return expired

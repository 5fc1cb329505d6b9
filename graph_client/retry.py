"""What is sent again, when, and how often: decided by the call, not by the status alone."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import tenacity

from graph_client.call import Call, Repeat
from graph_client.clock import Clock, Sleep
from graph_client.errors import (
    AuthFailed,
    Conflict,
    Forbidden,
    GraphError,
    GraphStatusError,
    QuotaExceeded,
    Throttled,
    TransportFailed,
    UnreadableAnswer,
)
from graph_client.hints import says_unlicensed
from graph_client.replication import in_grace
from graph_client.settings import GraphSettings

__all__ = ["Retrying", "is_licence_doubtful", "worth_repeating"]

_TRANSIENT_STATUS = frozenset({408, 429, 500, 502, 503, 504})  # 501 and the other 5xx do not pass


def worth_repeating(call: Call, error: BaseException | None) -> bool:
    """Whether sending this call again is both safe and promising."""
    if isinstance(error, TransportFailed):
        return error.heals and (error.nothing_sent or call.repeat is Repeat.IDEMPOTENT)
    # Below the check for TransportFailed: a create may be sent again if none of it ever left.
    if call.repeat is Repeat.NEVER or isinstance(error, QuotaExceeded):
        return False
    if isinstance(error, Conflict):
        # The one conflict that time resolves; the others are about what exists already.
        return error.code == "Directory_ConcurrencyViolation"
    if isinstance(error, GraphStatusError):
        return error.heals and error.status in _TRANSIENT_STATUS
    # A body cut off on the way, or a page that leads to another host.
    # Not a redirect, which is unreadable as well: it would come again.
    return isinstance(error, UnreadableAnswer) and error.status in (200, 201)


def is_licence_doubtful(call: Call, error: BaseException | None) -> bool:
    """Whether Graph denies a licence to a call that may be repeated: now and then it does so to licensed tenants.

    https://github.com/microsoftgraph/microsoft-graph-docs/issues/14120
    """
    return call.repeat is Repeat.IDEMPOTENT and isinstance(error, Forbidden) and says_unlicensed(error.code)


class Retrying:
    """The attempts of a call within its budgets, for `async for` and `with`; tenacity carries the loop.

    Args:
        settings: how many attempts, and for how long.
        sleep: waits between attempts.
        clock: monotonic seconds.
        chance: a number from 0 to 1, for the jitter.
    """

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

    def attempts(self, call: Call) -> tenacity.AsyncRetrying:
        """The attempts of a call; the last error leaves the loop, and says why it was the last."""
        policy = _CallPolicy(call, self._settings, self._clock, self._chance)
        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(policy.allows_another),
            wait=policy.wait_seconds,
            stop=policy.gives_up,
            sleep=self._sleep,
            reraise=True,
        )

    def sign_in_attempts(self) -> tenacity.AsyncRetrying:
        """The attempts of a sign-in: only transient failures are repeated."""
        settings, clock, started = self._settings, self._clock, self._clock()

        def gives_up(state: tenacity.RetryCallState) -> bool:
            # With the wait that would follow: none may end beyond the limit.
            late = clock() - started + state.upcoming_sleep > settings.sign_in_retry_seconds
            return late or state.attempt_number >= settings.sign_in_attempts

        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, AuthFailed) and e.transient),
            wait=lambda state: _backoff_seconds(_error_of(state), settings, state.attempt_number, self._chance()),
            stop=gives_up,
            sleep=self._sleep,
            reraise=True,
        )


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _backoff_seconds(error: BaseException | None, settings: GraphSettings, attempt_number: int, chance: float) -> float:
    """Retry-After where given, else exponential with jitter between half and whole."""
    asked = getattr(error, "retry_after_seconds", None)
    # Exactly Graph's own wait: earlier would be refused again, and later wastes the budget.
    if asked is not None:
        return float(asked)
    # Half of it at random: clients that were refused together must not come back together.
    whole = min(settings.first_backoff_seconds * 2 ** (attempt_number - 1), settings.longest_backoff_seconds)
    return float(whole * (0.5 + chance / 2))


class _CallPolicy:
    """What tenacity asks about one call after each attempt; faults and waits for replication are counted apart."""

    def __init__(self, call: Call, settings: GraphSettings, clock: Clock, chance: Callable[[], float]) -> None:
        self._call = call
        self._settings = settings
        self._clock = clock
        self._chance = chance
        self._started = clock()
        self._faults = 0
        self._graces = 0
        self._outcome_unknown = False

    def allows_another(self, error: BaseException) -> bool:
        """Whether the error permits another attempt."""
        if not isinstance(error, GraphError):
            return False
        # A later clean refusal does not undo what an earlier attempt may have done.
        self._outcome_unknown = error.may_have_happened = self._outcome_unknown or error.may_have_happened
        if in_grace(self._call, error):
            # Not a fault: replication may take more reads than a call has attempts.
            self._graces += 1
            return True
        self._faults += 1
        if is_licence_doubtful(self._call, error):
            # Only once: most tenants that say so really have no licence.
            return self._faults == 1
        return worth_repeating(self._call, error)

    def wait_seconds(self, state: tenacity.RetryCallState) -> float:
        """How long to wait before the next attempt."""
        error = _error_of(state)
        if in_grace(self._call, error) and getattr(error, "retry_after_seconds", None) is None:
            settings = self._settings
            interval = settings.grace_interval_seconds * 1.5 ** (self._graces - 1)
            return float(min(interval, settings.longest_grace_interval_seconds))
        seconds = _backoff_seconds(error, self._settings, max(1, self._faults), self._chance())
        if self._faults < self._settings.attempts:
            return seconds
        # Only who was asked to come back gets here: others were too, and whoever comes first takes what there is.
        return max(seconds, self._settings.longest_backoff_seconds * (0.5 + self._chance() / 2))

    def gives_up(self, state: tenacity.RetryCallState) -> bool:
        """Whether the next attempt would exceed a budget; the error then says which."""
        error = _error_of(state)
        elapsed = self._clock() - self._started
        if in_grace(self._call, error):
            # The grace is the object's: a second call about it gets only what is left.
            left = getattr(error, "grace_seconds_left", 0.0)
        else:
            left = self._settings.total_retry_seconds - elapsed
        late = state.upcoming_sleep > left
        # Microsoft's advice is to come back until it succeeds: https://learn.microsoft.com/graph/throttling
        asked_back = isinstance(error, Throttled) and error.retry_after_seconds is not None
        # A single attempt is no attempt to come back.
        attempts = self._settings.attempts
        spent = self._faults >= attempts and not (asked_back and attempts > 1)
        if (late or spent) and isinstance(error, GraphError):
            error.gave_up = f"gave up after {state.attempt_number} attempts in {elapsed:.0f} s"
            asked = getattr(error, "retry_after_seconds", None)
            if late and asked is not None:
                error.gave_up += (
                    f" (Graph asks to wait {asked:g} s, {max(0.0, left):.0f} s of the retry budget are left)"
                )
        return late or spent

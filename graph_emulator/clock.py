"""The tenant's clock, which tests and demos can advance; Graph's formats of moments; seeded ids and numbers."""

import base64
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime

NEVER = "0001-01-01T00:00:00Z"
TICKS_PER_SECOND = 10_000_000
FROZEN_START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC).timestamp()  # a Monday morning; any moment would do


class Clock:
    """Seconds since the epoch: a source of time plus the seconds by which it was advanced."""

    def __init__(self, read: Callable[[], float] = time.time) -> None:
        self._read = read
        self.advanced_seconds = 0.0

    @classmethod
    def frozen(cls, at: float = FROZEN_START) -> "Clock":
        """A clock that moves only when it is advanced."""
        return cls(lambda: at)

    def now(self) -> float:
        """The tenant's time in seconds since the epoch."""
        return self._read() + self.advanced_seconds

    def advance(self, seconds: float) -> None:
        """Advance the tenant's time; it never goes back."""
        if not seconds >= 0 or seconds == float("inf"):  # this way round, NaN is refused too
            raise ValueError(f"a clock is advanced by a number of seconds >= 0, not by {seconds!r}")
        self.advanced_seconds += seconds


def to_ticks(seconds: float) -> int:
    """100-nanosecond ticks since the epoch, the resolution of Graph's moments.

    The last digit is 7, so that readers that keep only microseconds are tested with a digit to drop.
    """
    # .NET writes seven digits of a second: a last one that is not zero finds clients which cut off or round.
    return round(seconds * 1_000_000) * 10 + 7


def write_ticks(ticks: int) -> str:
    """A moment with seven fractional digits, as in logs and jobs."""
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:07d}Z"


def write_moment(seconds: float) -> str:
    """A moment in whole seconds, as in directory objects."""
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%S}Z"


def read_ticks(text: str) -> int:
    """The ticks of an OData date or date-time literal.

    Raises:
        ValueError: it is neither.
    """
    body, fraction = text.removesuffix("Z"), 0
    if "." in body:
        body, _, digits = body.partition(".")
        digits, sign, offset = _split_offset(digits)
        # Other scripts have digits, too, which int() would accept.
        if not digits.isdigit() or not digits.isascii() or len(digits) > 12:
            raise ValueError(f"not a moment: {text}")
        # By hand, because fromisoformat reads no more than microseconds.
        fraction, body = int(digits[:7].ljust(7, "0")), body + sign + offset
    moment = datetime.fromisoformat(body)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * TICKS_PER_SECOND + fraction


def _split_offset(digits: str) -> tuple[str, str, str]:
    for sign in "+-":
        head, found, offset = digits.partition(sign)
        if found:
            return head, sign, offset
    return digits, "", ""


def digest(*parts: object) -> bytes:
    """Sixteen bytes that depend only on the parts."""
    # With a separator, so that ("ab", "c") and ("a", "bc") have different ids.
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).digest()


def guid(*parts: object) -> str:
    """A GUID that depends only on the parts."""
    text = digest(*parts).hex()
    # Version 4 and variant 8, because strict parsers check both.
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"


def share(*parts: object) -> float:
    """A number in [0, 1) that depends only on the parts: seeded chance."""
    return int.from_bytes(digest(*parts)[:7], "big") / (1 << 56)


def opaque_id(*parts: object) -> str:
    """An identifier that is not a GUID, like those of app role assignments."""
    return base64.urlsafe_b64encode(digest(*parts) + digest("tail", *parts)).decode().rstrip("=")

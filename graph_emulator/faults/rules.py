"""Fault rules: which requests, which occurrence or share of them, and what goes wrong."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

import orjson

from graph_emulator.clock import share
from graph_emulator.settings import EmulatorError

EFFECTS = (
    "status",
    "reset",
    "truncate",
    "html",
    "hostile_next_link",
    "expired_token",
    "unknown_enum",
    "missing_schedule",
)


@dataclass(frozen=True, slots=True)
class FaultRule:
    """A fault that is injected into matching requests.

    Attributes:
        operation: the operation, with wildcards: `instantiate`, `*_job`; None for all.
        method: the HTTP method; None for all, `write` for all but GET.
        path: a wildcard pattern for the path below the version; None for all.
        occurrence: only the n-th matching request, from 1; None for all.
        probability: the share of matching requests that are hit, by seed.
        times: the maximum number of hits.
        effect: what goes wrong, one of EFFECTS.
        status: the status of effect `status` and `html`.
        retry_after: the header as sent; `date:SECONDS` becomes an HTTP date that far ahead.
        after_commit: whether the request is carried out first.
    """

    effect: str
    operation: str | None = None
    method: str | None = None
    path: str | None = None
    occurrence: int | None = None
    probability: float = 1.0
    times: int | None = None
    status: int = 503
    code: str | None = None
    retry_after: str | None = None
    after_commit: bool = False

    def __post_init__(self) -> None:
        """Refuse a rule that could never apply."""
        if self.effect not in EFFECTS:
            raise EmulatorError(f"fault rule: unknown effect {self.effect!r}; known: {', '.join(EFFECTS)}")
        if not 0 <= self.probability <= 1:
            raise EmulatorError(f"fault rule: probability {self.probability!r} is not between 0 and 1")
        if self.occurrence is not None and self.occurrence < 1:
            raise EmulatorError(f"fault rule: occurrence {self.occurrence!r} is counted from 1")
        if not 400 <= self.status <= 599:
            raise EmulatorError(f"fault rule: status {self.status!r} is no error")

    def as_json(self) -> dict[str, Any]:
        """The rule as JSON for the control interface."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def name(self) -> str:
        """The name of the fault in the request log."""
        what = f"status-{self.status}" if self.effect == "status" else self.effect
        when = "after" if self.after_commit else "before"
        return what if self.effect in TAMPERING else f"{what}-{when}"

    def concerns(self, operation: str, method: str, path: str) -> bool:
        """Whether the rule matches a request."""
        if self.method == "write":  # no HTTP method, but what tests most often mean
            if method == "GET":
                return False
        elif self.method is not None and self.method.upper() != method:
            return False
        if self.operation is not None and not fnmatchcase(operation, self.operation):
            return False
        return self.path is None or fnmatchcase(path, self.path)


TAMPERING = frozenset({"truncate", "hostile_next_link", "unknown_enum", "missing_schedule"})
"""Effects that change an answer; the others replace it."""


SIGN_IN = "token"
"""The operation of a sign-in, as in the request log."""


class Faults:
    """The active rules, and how often each has matched and hit."""

    def __init__(self, seed: int, rules: Iterable[FaultRule] = ()) -> None:
        self._seed = seed
        self.rules = list(rules)
        self._met: dict[int, int] = {}
        self._hit: dict[int, int] = {}

    def add(self, rules: Iterable[FaultRule]) -> None:
        """Add rules."""
        self.rules.extend(rules)

    @staticmethod
    def check(rules: Iterable[FaultRule], operations: Iterable[str]) -> None:
        """Refuse a rule for an operation that does not exist: it would never apply.

        Raises:
            EmulatorError: lists the existing operations.
        """
        known = sorted({*operations, SIGN_IN})
        for rule in rules:
            if rule.operation is not None and not any(fnmatchcase(name, rule.operation) for name in known):
                raise EmulatorError(f"fault rule: unknown operation {rule.operation!r}; known: {', '.join(known)}")

    def clear(self) -> None:
        """Remove all rules."""
        self.rules, self._met, self._hit = [], {}, {}

    def strike(self, operation: str, method: str, path: str) -> list[FaultRule]:
        """The rules that hit this request, in order."""
        return self._strike(lambda rule: rule.concerns(operation, method, path))

    def strike_sign_in(self) -> list[FaultRule]:
        """The rules that hit a request for a token: only those that name the operation."""
        # A rule about all operations, or all writes, is about Graph: the seeded profiles count on it.
        return self._strike(lambda rule: rule.operation == SIGN_IN)

    def _strike(self, concerns: Callable[[FaultRule], bool]) -> list[FaultRule]:
        hits = []  # several rules may strike one request
        for number, rule in enumerate(self.rules):
            if not concerns(rule):
                continue
            # Counted before anything else: the n-th request is the n-th that matches, hit or not.
            met = self._met[number] = self._met.get(number, 0) + 1
            if rule.occurrence is not None and met != rule.occurrence:
                continue
            if rule.times is not None and self._hit.get(number, 0) >= rule.times:
                continue
            # By the number of the match, not a running generator: the same requests are hit whatever else is sent.
            if rule.probability < 1 and share(self._seed, "fault", number, met) >= rule.probability:
                continue
            self._hit[number] = self._hit.get(number, 0) + 1
            hits.append(rule)
        return hits


_TYPES: dict[str, tuple[type, ...]] = {
    "effect": (str,),
    "operation": (str,),
    "method": (str,),
    "path": (str,),
    "occurrence": (int,),
    "probability": (int, float),
    "times": (int,),
    "status": (int,),
    "code": (str,),
    "retry_after": (str, int, float),
    "after_commit": (bool,),
}


def read_rule(value: Any) -> FaultRule:
    """Read a rule from JSON.

    Raises:
        EmulatorError: not an object, an unknown field, a wrong type or value.
    """
    if not isinstance(value, Mapping):
        raise EmulatorError("fault rule: a JSON object is expected")
    known = {field.name for field in fields(FaultRule)}
    for name, given in value.items():
        if name not in known:
            raise EmulatorError(f"fault rule: unknown field {name!r}; known: {', '.join(sorted(known))}")
        if given is not None and (
            # In Python `True` is an int as well.
            not isinstance(given, _TYPES[name]) or (isinstance(given, bool) != (_TYPES[name] == (bool,)))
        ):
            raise EmulatorError(f"fault rule: {name}: {given!r} is of the wrong type")
    if not isinstance(value.get("effect"), str):
        raise EmulatorError(f"fault rule: effect is missing; known: {', '.join(EFFECTS)}")
    given = {name: item for name, item in value.items() if item is not None}
    if "retry_after" in given:
        given["retry_after"] = str(given["retry_after"])
    return FaultRule(**given)


METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
LINE = re.compile(
    r"""\s*(?P<where>[^\s#%:]+)
    (?:\s*\#(?P<occurrence>\d+)|\s+(?P<share>\d+(?:\.\d+)?)%)?
    (?:\s+x(?P<times>\d+))?
    \s*:\s*
    (?P<commit>commit\s*,?\s*then\s+)?
    (?P<effect>[A-Za-z][A-Za-z _]*?|\d{3})
    (?:\s+(?P<status>\d{3}))?
    (?:\s*,?\s*retry\s+after\s+(?P<retry>\S+))?\s*""",
    re.VERBOSE,
)
SHAPE = "OPERATION|METHOD|write|/PATH|* [#N | P%] [xTIMES]: [commit, then] STATUS|EFFECT [retry after SECONDS]"


def read_fault(text: str) -> FaultRule:
    """Read a rule from a command line's text, or from JSON.

    Raises:
        EmulatorError: the text is not a rule; the error shows the syntax.
    """
    if text.lstrip().startswith("{"):
        try:
            return read_rule(orjson.loads(text))
        except ValueError as error:
            raise EmulatorError(f"fault rule {text[:100]!r}: no JSON: {error}") from None
    found = LINE.fullmatch(text)
    if found is None:
        raise EmulatorError(f"fault rule {text[:100]!r}: not understood; write {SHAPE}, or a JSON object")
    try:
        return read_rule({**_where(found["where"]), **_when(found), **_what(found)})
    except EmulatorError as error:
        raise EmulatorError(f"{str(error).replace('fault rule', f'fault rule {text[:100]!r}', 1)}") from None


def _where(text: str) -> dict[str, Any]:
    if text == "*":
        return {}
    if text.startswith("/"):
        return {"path": text}
    return {"method": text} if text in METHODS or text == "write" else {"operation": text}


def _when(found: re.Match[str]) -> dict[str, Any]:
    return {
        "occurrence": int(found["occurrence"]) if found["occurrence"] else None,
        "probability": float(found["share"]) / 100 if found["share"] else None,
        "times": int(found["times"]) if found["times"] else None,
        "after_commit": bool(found["commit"]),
    }


def _what(found: re.Match[str]) -> dict[str, Any]:
    effect, retry_after = found["effect"].strip().replace(" ", "_"), found["retry"]
    if effect.isdigit():
        return {"effect": "status", "status": int(effect), "retry_after": retry_after}  # a bare number is a status
    effect = next((known for known in EFFECTS if known == effect.lower()), effect)
    # Pages in HTML come from gateways, so a bad gateway by default.
    status = int(found["status"]) if found["status"] else 502 if effect == "html" else None
    return {"effect": effect, "status": status, "retry_after": retry_after}

"""Fault rules in one line: `instantiate#3: commit, then reset`."""

import re
from typing import Any

import orjson

from graph_emulator.faults.rules import EFFECTS, FaultRule, read_rule
from graph_emulator.settings import EmulatorError

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
    """A rule as it is written on a command line, or as JSON.

    Raises:
        EmulatorError: the text is no rule; the error shows how one is written.
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
        return {"effect": "status", "status": int(effect), "retry_after": retry_after}
    effect = next((known for known in EFFECTS if known == effect.lower()), effect)
    status = int(found["status"]) if found["status"] else 502 if effect == "html" else None
    return {"effect": effect, "status": status, "retry_after": retry_after}

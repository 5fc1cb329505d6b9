"""Redaction: removes the secrets that this process knows from texts, however they are quoted.

Services quote what they received: in JSON, in URLs, in HTML, as Basic authorization, cut, without whitespace, or in
capitals. So a text is not compared with a list of spellings. It is decoded layer by layer, each layer is folded (case,
whitespace, quotation marks), and searched for the folded secret. Only base64, hexadecimal digits and misread bytes
cannot be decoded without knowing where they begin; these are searched for in their encoded spelling.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

__all__ = [
    "MASK",
    "Redaction",
    "forget_secrets",
    "learn_secrets",
    "learn_url_password",
    "mask",
    "mask_bytes",
    "mask_values",
]

MASK = "***"
_WINDOW = 4  # a secret is looked up by this many first characters
# Services cut what they quote: this many first characters of a folded secret are masked too.
_SHORTEST_BEGINNING = 12
# A single line of a longer secret (PEM, a JSON key) may be quoted alone.
_SHORTEST_LINE = 16
_LAYERS_MAX = 5
# The text before a secret may be half an escape, such as `%` or `&#3`, which the secret's first characters complete.
# They are then decoded as part of it, and only the rest of the secret can be found.
_SHORTEST_REST = 8
_SWALLOWED = re.compile(r"(?:[uUxX]?[0-9A-Fa-f]{1,8}|#?[A-Za-z0-9]{0,32};)")

# What quoting adds, removes or changes: whitespace, quotation marks, backslashes, and "+", which is a space in forms
# and "-" in base64 for URLs. UTF-16 read as text has a NUL beside each letter.
_DROPPED = dict.fromkeys(
    [*range(0x21), 0x7F, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF]
    + [ord(sign) for sign in "\"'`\\+-"]
)
_FOLDED: dict[int, int | None] = {**_DROPPED, ord("_"): ord("/")}

_DROPPED_ASCII = re.escape("".join(chr(point) for point in _DROPPED if point < 0x80))
_ESCAPING = re.compile(r"[%&\\]")
# Up to this many beginnings, one regular expression is faster than folding the text.
_GLANCED_AT = 100

_PERCENT = r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)|(?P<units>(?:[\\%]u[0-9A-Fa-f]{4})+)"
_BACKSLASH = (
    r"(?P<bytes>(?:\\x[0-9A-Fa-f]{2})+)|(?P<points>(?:\\u[0-9A-Fa-f]{4})+)|(?P<point>\\U[0-9A-Fa-f]{8})"
    r"|(?P<sign>\\[nrtbfva0])|(?P<other>\\.)"
)
_HTML = r"(?P<html>&(?:\#[0-9]{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
# All together, because quoted text is quoted again; and each on its own, because the text before a secret may look like
# the beginning of another kind of escape, such as the backslash of a path.
_READINGS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        f"{_PERCENT}|{_BACKSLASH}|{_HTML}",
        _PERCENT,
        _HTML,
        _BACKSLASH,
        # As `repr` writes a text, whose characters may look like bytes of UTF-8.
        _BACKSLASH.replace("<bytes>", "<latin>"),
        _BACKSLASH.replace(r"|(?P<sign>\\[nrtbfva0])", ""),
    )
)
_SIGNS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}


# Fields without free text: ids, moments and links, which must stay intact to match and follow answers.
_NOT_WORDED = re.compile(r"id|.*Id|.*DateTime|@odata\..*")


class _Layer(NamedTuple):
    """A decoded text, and for each character its start and end in the original."""

    text: str
    spans: list[tuple[int, int]]


class Redaction:
    """A set of secrets that is removed from texts."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._short: set[str] = set()
        # By first characters: a text is scanned once, however many secrets there are.
        self._needles: dict[str, tuple[str, ...]] = {}
        self._starts: set[tuple[str, ...]] = set()
        self._glance: re.Pattern[str] | None = None
        self._lock = Lock()
        self.learn(*secrets)

    def __repr__(self) -> str:
        return f"Redaction(<{len(self._known)} secrets>)"

    def learn(self, *secrets: str | None) -> None:
        """Add secrets; None and "" are ignored."""
        for secret in secrets:
            if not secret or secret in self._known:
                continue
            with self._lock:
                self._known.add(secret)
                lines = [line for line in secret.splitlines() if len(line) >= _SHORTEST_LINE and line[:5] != "-----"]
                for part in {secret, *lines}:
                    self._add(part)

    def knows(self, secret: str) -> bool:
        """Whether this secret is in the set."""
        return secret in self._known

    def forget(self) -> None:
        """Remove all secrets from the set."""
        with self._lock:
            self._known, self._short, self._needles, self._starts = set(), set(), {}, set()

    def mask(self, text: str) -> str:
        """The text with `***` in place of each secret, and of the remains of one that was cut.

        A secret with fewer than four letters and digits is masked only as a whole word.
        """
        if not self._known:
            return text
        for short in self._short:
            text = re.sub(rf"(?<![\w-]){re.escape(short)}(?![\w-])", MASK, text)
        if not self._may_hold_one(text):
            return text
        found = [span for layer in _layers(text) for span in self._spans(layer)]
        return _without(text, sorted(found))

    def mask_bytes(self, content: bytes) -> bytes:
        """The bytes without the secrets, in UTF-16 or any superset of ASCII."""
        return self.mask(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def mask_values(self, value: Any) -> Any:
        """A JSON value with its texts masked, including JSON inside texts; ids, moments and links are unchanged."""
        if not self._known:
            return value
        if isinstance(value, dict) and isinstance(value.get("value"), list):
            return value | {"value": [self.mask_values(each) for each in value["value"]]}
        # All texts are prechecked together: a harvest has dozens in each of a hundred thousand events.
        if not self._short and not self._may_hold_one("\n".join(_texts_of(value))):
            return value
        return self._mask_each(value)

    def _mask_each(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._mask_json(value) if value[:1] in ("{", "[") else self.mask(value)
        if isinstance(value, list):
            return [self._mask_each(each) for each in value]
        if isinstance(value, dict):
            return {
                key: each if isinstance(each, str) and _NOT_WORDED.fullmatch(key) else self._mask_each(each)
                for key, each in value.items()
            }
        return value

    def _mask_json(self, text: str) -> str:
        try:
            value = json.loads(text)
            masked = self._mask_each(value)
        except (ValueError, RecursionError):
            return self.mask(text)
        # Dumping it again would change the spelling of a text that has no secret.
        return text if masked == value else json.dumps(masked)

    def _may_hold_one(self, text: str) -> bool:
        """Whether a full search is worthwhile; a fast precheck, because harvests have a hundred thousand events."""
        if _ESCAPING.search(text):
            return True
        if text.isascii() and len(self._starts) <= _GLANCED_AT:
            self._glance = self._glance or re.compile("|".join(map(_unfold, self._starts)) or r"(?!)")
            return self._glance.search(text.lower()) is not None
        folded = _fold(text)
        return not self._starts.isdisjoint(zip(folded, folded[1:], folded[2:], folded[3:], strict=False))

    def _add(self, secret: str) -> None:
        needles = {needle for needle in _needles_of(secret) if len(needle) >= _WINDOW}
        # Such a short text occurs everywhere: it is masked only where it stands as a word of its own.
        if len(_fold(secret)) < _WINDOW:
            self._short.add(secret)
        for needle in needles:
            start = needle[:_WINDOW]
            self._starts.add(tuple(start))
            self._glance = None
            others = self._needles.get(start, ())
            self._needles[start] = tuple(sorted({*others, needle}, key=len, reverse=True))

    def _spans(self, layer: _Layer) -> Iterator[tuple[int, int]]:
        folded = _fold(layer.text)
        hits = list(self._hits(folded))
        if not hits:
            return
        origins = [place for place, char in enumerate(layer.text) for _ in _fold(char)]
        for start, end in hits:
            yield layer.spans[origins[start]][0], layer.spans[origins[end - 1]][1]

    def _hits(self, folded: str) -> Iterator[tuple[int, int]]:
        needles, place, last = self._needles, 0, len(folded) - _WINDOW
        while place <= last:
            known = needles.get(folded[place : place + _WINDOW], ())
            length = max((_quoted(needle, folded, place) for needle in known), default=0)
            if length:
                yield place, place + length
            place += 1


def _texts_of(value: Any) -> Iterator[str]:
    """The texts of a JSON value, including ids and moments."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts_of(each)


def _quoted(needle: str, folded: str, place: int) -> int:
    """How many characters of a needle are at a place: all, a beginning of sufficient length, or 0."""
    if folded.startswith(needle, place):
        return len(needle)
    longest = min(len(needle), len(folded) - place)
    length = next((index for index in range(longest) if needle[index] != folded[place + index]), longest)
    return length if length >= _SHORTEST_BEGINNING else 0


def _fold(text: str) -> str:
    return text.casefold().translate(_FOLDED)


def _unfold(start: Iterable[str]) -> str:
    """A pattern for lower-case ASCII that folds to the beginning of a needle."""
    return rf"[{_DROPPED_ASCII}]*".join("[/_]" if char == "/" else re.escape(char) for char in start)


def _layers(text: str) -> Iterator[_Layer]:
    plain = _Layer(text, [(place, place + 1) for place in range(len(text))])
    yield plain
    if not _ESCAPING.search(text):
        return
    seen = {text}
    for escaped in _READINGS:
        layer: _Layer | None = plain
        for _ in range(_LAYERS_MAX):
            layer = _decode(layer, escaped) if layer else None
            if layer and layer.text not in seen:
                seen.add(layer.text)
                yield layer


def _decode(layer: _Layer, escaped: re.Pattern[str]) -> _Layer | None:
    """The text with each escape decoded; None if there is none."""
    texts: list[str] = []
    spans: list[tuple[int, int]] = []
    end = 0
    for match in escaped.finditer(layer.text):
        texts.append(layer.text[end : match.start()])
        spans += layer.spans[end : match.start()]
        place = match.start()
        for char, width in _unescape(match):
            texts.append(char)
            spans += [(layer.spans[place][0], layer.spans[place + width - 1][1])] * len(char)
            place += width
        end = match.end()
    return _Layer("".join(texts) + layer.text[end:], spans + layer.spans[end:]) if end else None


def _unescape(match: re.Match[str]) -> Iterator[tuple[str, int]]:
    """The characters of an escape, each with the width that it occupies."""
    text = match[0]
    match match.lastgroup:
        case "percent":
            yield from _characters(bytes.fromhex(text.replace("%", "")), 3)
        case "bytes":
            yield from _characters(bytes.fromhex(text.replace("\\x", "")), 4)
        case "latin":
            for char in bytes.fromhex(text.replace("\\x", "")).decode("latin-1"):
                yield char, 4
        case "units" | "points":
            units = bytes.fromhex(re.sub(r"[\\%]u", "", text)).decode("utf-16-be", "surrogatepass")
            for char in units:
                yield char, 12 if ord(char) > 0xFFFF else 6
        case "point":
            yield _character(text, int(text.strip("\\U"), 16)), len(text)
        case "html":
            yield _entity(text), len(text)
        case "sign":
            yield _SIGNS[text[1]], len(text)
        case _:
            yield text[1], len(text)


def _entity(text: str) -> str:
    if text[1] != "#":
        return html.unescape(text)
    # Not html.unescape, which replaces numbers as browsers do.
    digits = text.strip("&#;")
    return _character(text, int(f"0{digits}", 16) if digits[0] in "xX" else int(digits))


def _character(text: str, point: int) -> str:
    return chr(point) if point < 0x110000 else text


def _characters(content: bytes, width: int) -> Iterator[tuple[str, int]]:
    for char in content.decode("utf-8", "surrogateescape"):
        # A byte that is not UTF-8 is read alone: a valid secret may follow it.
        if "\udc80" <= char <= "\udcff":
            yield chr(ord(char) & 0xFF), width
        else:
            yield char, width * len(char.encode())


def _needles_of(secret: str) -> Iterator[str]:
    """The spellings of a secret to search for in folded text."""
    # Before folding: the escapes that a changed case makes or destroys are decoded differently.
    for spelled in (secret, secret.upper(), secret.lower()):
        # A secret may itself contain what looks like an escape, and is then decoded with the text around it.
        yield from (_fold(layer.text) for layer in _layers(spelled))
    yield from (rest for rest in map(_fold, _rests(secret)) if len(rest) >= _SHORTEST_REST)
    content = secret.encode("utf-8", "surrogatepass")
    yield content.hex()
    for before in range(3):
        # Alone, and inside `user:secret`: without the characters that also depend on the neighbours.
        encoded = base64.b64encode(b"\0" * before + content).decode()
        yield _fold(encoded[-(-before * 8 // 6) : (before + len(content)) * 8 // 6])
    if not secret.isascii():
        wide = [secret.encode(codec, "surrogatepass") for codec in ("utf-16-le", "utf-16-be")]
        for read in (content, *wide):
            yield _fold(read.decode("latin-1"))
            yield _fold(read.decode("cp1252", "replace"))
            yield _fold(read.decode("utf-8", "replace"))
            yield _fold(read.decode("utf-8", "surrogateescape"))


def _rests(secret: str) -> Iterator[str]:
    """The remains of a secret whose first characters completed an escape."""
    for length in range(1, min(len(secret), 34)):
        if _SWALLOWED.fullmatch(secret, 0, length):
            yield secret[length:]


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    end = 0
    for start, stop in spans:
        if start >= end:
            parts += [text[end:start], MASK]
        end = max(end, stop)
    return "".join(parts) + text[end:]


# One for the process: no writer in it may let out a secret that another part has learned.
_PROCESS = Redaction()

learn_secrets = _PROCESS.learn
forget_secrets = _PROCESS.forget
mask_bytes = _PROCESS.mask_bytes
mask_values = _PROCESS.mask_values


def learn_url_password(url: str | None) -> None:
    """Register the password in a URL, if it has one."""
    try:
        password = urlsplit(url or "").password
    except ValueError:
        return
    if password:
        learn_secrets(password, unquote(password))


def mask(text: str, also: Iterable[str] = ()) -> str:
    """The text without the secrets that the process knows.

    Args:
        text: a service's answer or the text of an error, neither cut nor stripped of whitespace.
        also: further values that must not appear in this text, even if they are not secrets.
    """
    unknown = [value for value in also if not _PROCESS.knows(value)]
    return Redaction(unknown).mask(_PROCESS.mask(text))

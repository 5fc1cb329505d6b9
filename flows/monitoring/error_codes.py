"""What is known of the error codes and quarantine reasons of Microsoft's provisioning service.

The knowledge itself is in `error_codes.toml`, to which anybody can add.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Literal

Action = Literal[
    "rotate",
    "raise-threshold",
    "restart",
    "fix-mapping",
    "assign",
    "unassign",
    "wait",
    "contact-target",
    "allow-synchronization",
    "errors",
]
Evidence = Literal["", "scoping", "status"]

_SUFFIX_LETTERS_MIN = 12
"""Shorter codes (Conflict, Timeout) are the end of too many words to be taken for a code behind a name."""

_STATUS_NAMES = {re.sub(r"\W", "", status.phrase).lower(): str(status.value) for status in HTTPStatus}
_STATUS = re.compile(
    rf"""status\s?code\W{{1,4}}(\w+)    # StatusCode: BadRequest; HTTP status code 409
    | \bHTTP/(?:\d\.\d\s)?(\d{{3}})\b  # HTTP/404 Not Found
    | \b(?:{"|".join(f"({status.value})[ ]{re.escape(status.phrase)}" for status in HTTPStatus)})\b  # 404 Not Found
    | \(([45]\d\d)\)                   # Unauthorized (401)
    | "status"\s*:\s*"?(\d{{3}})\b       # the error of a SCIM server in JSON""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class ErrorCode:
    """An entry of the table; the table says what the fields mean."""

    codes: Sequence[str]
    meaning: str
    cause: str
    action: Action
    source: str
    restart: str = ""
    advice: str = ""
    statuses: Sequence[str] = ()
    words: Sequence[str] = ()
    evidence: Evidence = ""

    def speaks_in(self, text: str | None) -> bool:
        """Tell whether a text has one of its words."""
        return self.longest_word(text) > 0

    def longest_word(self, text: str | None) -> int:
        """Return the length of the longest of its words in a text; 0 if it has none."""
        return max((len(word) for word in self.words if word in (text or "").lower()), default=0)


@dataclass(frozen=True)
class ErrorCodes:
    """The table: errors of single objects, reasons for quarantine, and checks of who is in scope."""

    errors: Sequence[ErrorCode]
    quarantines: Sequence[ErrorCode]
    scoping: Sequence[ErrorCode]

    def error(self, code: str | None) -> ErrorCode | None:
        """Return what is known of an error code, also where the application's name stands before it."""
        if code is None:
            return None
        found = _exactly(self.errors, code)
        if found is not None:
            return found
        ends = [
            (len(known), entry)
            for entry in self.errors
            for known in entry.codes
            if _is_end(known.lower(), code.lower()) or ("*" in known and fnmatchcase(code.lower(), known.lower()))
        ]
        # The longest is the most specific.
        return max(ends, key=lambda end: end[0])[1] if ends else None

    def status(self, text: str | None) -> ErrorCode | None:
        """Return what is known of the HTTP status of the target system that a text of Microsoft's names."""
        status = http_status(text)
        matches = (each for each in self.errors if any(fnmatchcase(status or "", known) for known in each.statuses))
        return next(matches, None)

    def job_error(self, code: str | None, message: str | None) -> ErrorCode | None:
        """Return what is known of the error of a job: by its code, the HTTP status in its message, or its words."""
        known = self.error(code)
        if known is not None and not known.evidence:
            return known
        # Such a code says less than the status in its message, or than its words.
        # The longest words say most: "invalid credentials" is how Microsoft begins every refusal.
        by_words = max(self.errors, key=lambda each: each.longest_word(message))
        return self.status(message) or (by_words if by_words.speaks_in(message) else known)

    def quarantine(self, reason: str | None) -> ErrorCode | None:
        """Return what is known of a quarantine reason."""
        return None if reason is None else _exactly(self.quarantines, reason)

    def failed_checks(self, details: Mapping[str, Any], text: str | None) -> list[ErrorCode]:
        """Return the checks that keep an object out of scope.

        Args:
            details: The details of the steps; a check that failed is "False" there.
            text: Microsoft's words, for steps without such details.
        """
        failed = [name.lower() for name, value in details.items() if str(value).lower() == "false"]
        found = [
            check
            for check in self.scoping
            if any(fnmatchcase(name, known.lower()) for known in check.codes for name in failed)
        ]
        found = found or [check for check in self.scoping if check.speaks_in(text)]
        # Who is not assigned has no role either: of the checks with one remedy the first is the cause.
        return [each for each in found if each == next(one for one in found if one.action == each.action)]


@cache
def error_codes() -> ErrorCodes:
    """Return the table that comes with the program."""
    tables = tomllib.loads(files("flows.monitoring").joinpath("error_codes.toml").read_text("utf-8"))
    return ErrorCodes(*(_entries(tables[name]) for name in ("error", "quarantine", "scoping")))


def http_status(text: str | None) -> str | None:
    """Return the HTTP status of an error that a text names, by its number or its name; None if it names none."""
    for found in _STATUS.finditer(text or ""):
        word = next(filter(None, found.groups()))
        number = word if word.isdecimal() else _STATUS_NAMES.get(word.lower(), "")
        # A text may also quote a success, such as that of an earlier request.
        if number[:1] in {"4", "5"}:
            return number
    return None


def _entries(rows: Sequence[dict[str, Any]]) -> tuple[ErrorCode, ...]:
    listed = ("codes", "statuses", "words")
    return tuple(ErrorCode(**{**row, **{name: tuple(row.get(name, ())) for name in listed}}) for row in rows)


def _exactly(entries: Sequence[ErrorCode], code: str) -> ErrorCode | None:
    return next((entry for entry in entries if code.lower() in (known.lower() for known in entry.codes)), None)


def _is_end(known: str, code: str) -> bool:
    return len(known) >= _SUFFIX_LETTERS_MIN and code.endswith(known)


_WORDS: dict[Action, str] = {
    "rotate": "Renew the credentials in the target system, and have them validated and saved.",
    "raise-threshold": "Look at the deletions that are held back (stagedDelete in the log). Then, in the portal under "
    "Provisioning of the application: if they are meant, choose Allow deletes; if they are a mistake, bring the users "
    "back into scope and choose Restart provisioning. If so many are usual, raise delete_threshold.",
    "restart": "Restart the job.",
    "fix-mapping": "Correct the mapping, or the values of the object.",
    "assign": "Assign the user or group, or look at the scoping filters.",
    "unassign": "Take the object out of scope.",
    "wait": "Nothing: it is tried again by itself.",
    "contact-target": "Ask those who run the target system.",
    "allow-synchronization": "Apply the fleet, which allows it again in each tenant that it signs in to; otherwise ask "
    "the target's administrators to allow user synchronization and automatic redemption. If the end is meant, retire "
    "the instance while the target still allows deletions.",
}
_COMMANDS: dict[Action, str] = {
    "rotate": "entra-fleet rotate FLEET --only {key}",
    "assign": "entra-fleet apply FLEET --only {key}",
    "unassign": "entra-fleet apply FLEET --only {key}",
    "allow-synchronization": "entra-fleet apply FLEET --only {key}",
}


@dataclass(frozen=True)
class Remediation:
    """What to do.

    Args:
        action: The kind of it, one word.
        text: What to do, in a sentence or two.
        commands: The commands to run, in this order; FLEET stands for the fleet file.
    """

    action: str
    text: str
    commands: Sequence[str] = ()

    @property
    def in_words(self) -> str:
        """The text and the commands, in one line."""
        return " ".join((self.text, *(f"`{command}`" for command in self.commands)))

    def as_json(self) -> dict[str, Any]:
        """Return what commands print of it."""
        return {"action": self.action, "text": self.text, "commands": list(self.commands)}


def suggest_remediation(known: ErrorCode, key: str | None) -> Remediation:
    """Return what to do about an error.

    Args:
        known: What is known of it.
        key: Key of the instance; None for an application of no fleet, for which no command can be named.
    """
    return Remediation(known.action, known.advice or _WORDS[known.action], _commands(known.action, known.restart, key))


def follow_up(recommended_action: str | None) -> Remediation:
    """Return what to do about an error that is not in the table."""
    if recommended_action:
        return Remediation("microsoft", f"This code is not in our table. Microsoft recommends: {recommended_action}")
    return Remediation("unknown", "This code is not in our table, and Microsoft recommends nothing.")


def follow_words() -> Remediation:
    """Return what to do about an error that Microsoft words, and that is not in the table."""
    return Remediation(
        "unknown", "This error is not in our table: do what Graph's words ask for. Then restart the job."
    )


def join(proposals: Sequence[Remediation]) -> Remediation:
    """Return several proposals as one, which is called as the first."""
    commands = dict.fromkeys(command for each in proposals for command in each.commands)
    return Remediation(proposals[0].action, " ".join(each.text for each in proposals), tuple(commands))


def add_restart(proposal: Remediation, reset_scope: str, key: str | None) -> Remediation:
    """Return a proposal that ends with a restart, if it does not do so already."""
    restart = _commands("restart", reset_scope, key)
    kept = [command for command in proposal.commands if command not in restart]
    return Remediation(proposal.action, proposal.text, (*kept, *restart))


def _commands(action: Action, reset_scope: str, key: str | None) -> tuple[str, ...]:
    if key is None:
        return ()
    found = [_COMMANDS[action].format(key=key)] if action in _COMMANDS else []
    if reset_scope:
        # To lift the quarantine is what a restart does by default; the rest only with --force.
        scopes = "".join(f" --reset {scope}" for scope in reset_scope.split(", "))
        others = "" if reset_scope == "QuarantineState" else f"{scopes} --force"
        found.append(f"entra-fleet jobs restart FLEET --only {key}{others}")
    return tuple(found)

"""What to do about an error: in words, and as the commands that do it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flows.monitoring.error_codes import Action, ErrorCode

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
}
_COMMANDS: dict[Action, str] = {
    "rotate": "entra-fleet rotate FLEET --only {key}",
    "assign": "entra-fleet apply FLEET --only {key}",
    "unassign": "entra-fleet apply FLEET --only {key}",
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


def add_restart(proposal: Remediation, reset_scope: str, key: str) -> Remediation:
    """Return a proposal that ends with a restart, if it does not do so already."""
    restart = _commands("restart", reset_scope, key)
    kept = [command for command in proposal.commands if command not in restart]
    return Remediation(proposal.action, proposal.text, (*kept, *restart))


def _commands(action: Action, reset_scope: str, key: str | None) -> tuple[str, ...]:
    if key is None:
        return ()
    found = [_COMMANDS[action].format(key=key)] if action in _COMMANDS else []
    if reset_scope:
        # To lift the quarantine is what a restart does unless told otherwise; the rest it does only when forced.
        scopes = "".join(f" --reset {scope}" for scope in reset_scope.split(", "))
        others = "" if reset_scope == "QuarantineState" else f"{scopes} --force"
        found.append(f"entra-fleet jobs restart FLEET --only {key}{others}")
    return tuple(found)

"""What the Prefect UI recommends: a flow and its parameters, where a terminal is told a command."""

import json
import re
import shlex
from typing import Any

_FLOWS: dict[str, tuple[str, dict[str, Any]]] = {
    "apply": ("provision-fleet", {}),
    "plan": ("provision-fleet", {"dry_run": True}),
    "rotate": ("rotate-credentials", {}),
    "retire": ("retire-instances", {}),
    "jobs start": ("control-jobs", {"action": "start"}),
    "jobs pause": ("control-jobs", {"action": "pause"}),
    "jobs restart": ("control-jobs", {"action": "restart"}),
}
_VERBS = "|".join(sorted(_FLOWS, key=len, reverse=True))
_OPTIONS = r"(?: --force| --(?:only|reset|application-id) [^\s`;,]+)*"
_COMMAND = re.compile(rf"(?P<quote>`?)entra-fleet (?P<verb>{_VERBS}) FLEET(?P<options>{_OPTIONS})(?P=quote)")
_LISTS = frozenset({"only", "reset"})


def name_flows(text: str) -> str:
    """Return a text in which each command is the flow that does it, with parameters as the run form takes them.

    Commands that no deployment can do stay commands.
    """
    return _COMMAND.sub(_as_flow, text)


def _as_flow(found: re.Match[str]) -> str:
    flow, fixed = _FLOWS[found["verb"]]
    # A full stop that ends the sentence is no part of a key.
    words, end = re.fullmatch(r"(.*?)(\.?)", found["options"], re.DOTALL).groups()  # type: ignore[union-attr]
    parameters = json.dumps(fixed | _parameters(shlex.split(words)), ensure_ascii=False)
    quote = found["quote"]
    return f"{quote}{flow}{quote} with {quote}{parameters}{quote}{end}"


def _parameters(words: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    options = iter(words)
    for option in options:
        name = option.removeprefix("--").replace("-", "_")
        if name == "force":
            parameters[name] = True
        elif name in _LISTS:
            parameters.setdefault(name, []).append(next(options))
        else:
            parameters[name] = next(options)
    return parameters

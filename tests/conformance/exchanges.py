"""What Graph was seen to answer: a table of exchanges, each with its source, in the files of `exchanges/`.

Ids, names and domains are invented; field names, types, enum values and codes are as they were. `state` says what the
exchange needs, `exact` which values count besides the shape, `open` that the source was cut or tells only a part.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    name: str
    source: str
    evidence: str
    request: dict[str, Any]
    status: int
    body: Any
    code: str | None = None
    state: dict[str, Any] = field(default_factory=dict)
    exact: tuple[str, ...] = ()
    open: bool = False


EXCHANGES = tuple(
    Exchange(**row)
    for file in sorted((Path(__file__).parent / "exchanges").glob("*.json"))
    for row in json.loads(file.read_text(encoding="utf-8"))
)


def exchange(name: str) -> Exchange:
    """The one of this name."""
    (found,) = (each for each in EXCHANGES if each.name == name)
    return found

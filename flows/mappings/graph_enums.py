"""Graph's enumerations in the terms of a mappings file; other values are written literally in braces."""

from collections.abc import Mapping

WHEN = {
    "always": "Always",
    "on create": "ObjectAddOnly",
    "add values": "MultiValueAddOnly",
    "never remove values": "ValueAddOnly",
    "if empty": "AttributeAddOnly",
}
"""When a value flows: Graph's attributeFlowType."""

FLOW_BEHAVIOR = {"when changed": "FlowWhenChanged", "always": "FlowAlways"}
"""Graph's attributeFlowBehavior."""

FLOW = {"add": "Add", "update": "Update", "delete": "Delete"}
"""Operations on objects in the target system: Graph's objectFlowTypes."""


def word_for(value: str, words: Mapping[str, str]) -> str:
    """Return our term for a value of Graph, ignoring case."""
    return next((word for word, known in words.items() if known.casefold() == value.casefold()), f"{{{value}}}")


def value_for(word: str, words: Mapping[str, str]) -> str | None:
    """Return Graph's value for a term; None if there is none."""
    if word.startswith("{") and word.endswith("}") and word[1:-1].strip():
        return word[1:-1]
    return words.get(word)


def flow_words(flow_types: str) -> str:
    """Return Graph's `Add, Update, Delete` in our terms, in a fixed order."""
    values = [part.strip() for part in flow_types.split(",")]
    found = {word_for(value, FLOW) for value in values if value and value != "None"}
    known = [word for word in FLOW if word in found]
    return ", ".join([*known, *sorted(found - set(known))]) or "none"


def flow_types(words: str) -> str | None:
    """Return Graph's value for `add, update`; None if a part of it is unknown."""
    if words.strip() == "none":
        return "None"
    values = [value_for(part.strip(), FLOW) for part in words.split(",")]
    named = [value for value in values if value]
    return ", ".join(named) if len(named) == len(values) else None

"""JSON into literal values with their positions (the standard parser keeps none)."""

from __future__ import annotations

import json
import re

from flows.documents.errors import Lines, Place, format_refusal
from flows.documents.nodes import DEPTH_MAX, Entry, Fields, Items, Node, Text, below, too_deep

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s{}\[\],:"]+')


def read_json(text: str, file: str) -> Entry:
    """Read a JSON document; numbers and booleans stay text as in the file.

    Args:
        text: the content of the file.
        file: the name in error messages.

    Raises:
        FleetFileError: the text is not JSON, or repeats a name within a map.
    """
    try:
        json.loads(text, parse_int=str)
    except json.JSONDecodeError as error:
        place = Place(file, error.lineno, error.colno)
        raise format_refusal(place, f"is not valid JSON: {error.msg}", "Correct the JSON there.") from None
    except RecursionError:
        raise too_deep(Place(file)) from None
    return _Reader(file, text).root()


class _Reader:
    """Walks the tokens of valid JSON, so it can ignore commas and colons."""

    def __init__(self, file: str, text: str) -> None:
        self.lines = Lines(file, text)
        self.tokens = TOKEN.finditer(text)

    def root(self) -> Entry:
        token = next(self.tokens)
        place = self.lines.place(token.start())
        return Entry(place, self.node(token, place, 0))

    def node(self, token: re.Match[str], place: Place, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise too_deep(place)
        text = token[0]
        if text == "{":
            return self.fields(place, depth)
        if text == "[":
            return self.items(place, depth)
        if text.startswith('"'):
            return Text(json.loads(text))
        return Text("", nothing=True) if text == "null" else Text(text)

    def items(self, parent: Place, depth: int) -> Items:
        items = Items()
        for token in self.tokens:
            if token[0] == "]":
                break
            place = self.lines.place(token.start(), below(parent, len(items.entries)))
            items.add(place, self.node(token, place, depth + 1))
        return items

    def fields(self, parent: Place, depth: int) -> Fields:
        fields = Fields()
        for token in self.tokens:
            if token[0] == "}":
                break
            name = json.loads(token[0])
            place = self.lines.place(token.start(), below(parent, name))
            fields.add(name, place, self.node(next(self.tokens), place, depth + 1))
        return fields

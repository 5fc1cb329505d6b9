"""Text from outside, on its way to a terminal or a page: what would steer it becomes a visible escape.

A name can hold an escape sequence that sets the clipboard or the title of a window, or characters that turn the
direction of writing so that one name reads like another: https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
"""

import json
import re

# C0 but for tab and line feed, DEL, C1, what turns the direction, line breaks of Unicode, halves of characters.
_STEERING = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_IN_TEXT = re.compile(rf"[\x00-\x08\x0b-\x1f{_STEERING}]")
_IN_JSON = re.compile(f"[{_STEERING}]")
_NOT_ASCII = re.compile(r"[^\x00-\x7e]")


def escape_controls(text: str) -> str:
    """Return a text in which control characters show as escapes; tabs and line feeds stay."""
    return _IN_TEXT.sub(_visible, text)


def escape_json(text: str, *, ascii_only: bool = False) -> str:
    """Return JSON that says the same, with what JSON itself leaves unescaped of control characters escaped.

    Args:
        text: JSON, in which such characters stand within strings only.
        ascii_only: Escape all that is not ASCII.
    """
    return (_NOT_ASCII if ascii_only else _IN_JSON).sub(_json_escape, text)


def _visible(found: re.Match[str]) -> str:
    point = ord(found[0])
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"


def _json_escape(found: re.Match[str]) -> str:
    return "\\u007f" if found[0] == "\x7f" else json.dumps(found[0])[1:-1]

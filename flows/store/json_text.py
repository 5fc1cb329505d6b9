"""How JSON is written into the store."""

import json
from typing import Any

import orjson


def json_text(value: Any) -> str:
    """Return compact JSON; the same value has the same text."""
    try:
        # Twenty times as fast as the standard library: most of a harvest's time would go into this.
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        # Half a surrogate pair is no UTF-8, and integers have no bound; only the standard library can write them.
        return json.dumps(value, separators=(",", ":"))

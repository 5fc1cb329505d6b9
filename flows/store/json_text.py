"""How JSON is written into the store."""

import json
from typing import Any

from pydantic_core import PydanticSerializationError, to_json


def json_text(value: Any) -> str:
    """Return compact JSON; the same value has the same text."""
    try:
        # Ten times as fast as the standard library: half of a harvest's time would go into this.
        return to_json(value, inf_nan_mode="null").decode()
    except (PydanticSerializationError, UnicodeEncodeError):
        # Half a surrogate pair is no UTF-8; only the standard library can write it, escaped.
        return json.dumps(value, separators=(",", ":"))

"""How long a token lasts, as far as the token itself says."""

import base64
import binascii
from datetime import UTC, datetime

from graph_client.error_body import read_json

_PARTS = 3


def read_expiry(token: str) -> datetime | None:
    """Return when a token ends, in UTC; None for one that does not say.

    Only a JWT does. Its signature is not checked: that is up to its issuer.

    Args:
        token: A credential.

    Source: https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4
    """
    parts = token.split(".")
    if len(parts) != _PARTS or not _is_header(parts[0]):
        return None
    claims = _decode(parts[1])
    end = claims.get("exp") if isinstance(claims, dict) else None  # not verified: it only warns
    if not isinstance(end, int | float) or isinstance(end, bool):
        return None
    try:
        return datetime.fromtimestamp(int(end), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _is_header(part: str) -> bool:
    header = _decode(part)
    return isinstance(header, dict) and "alg" in header  # any text with two dots could look like a token


def _decode(part: str) -> object:
    try:
        # Tokens leave out the padding; too much of it is ignored.
        return read_json(base64.urlsafe_b64decode(part + "==="))
    except (ValueError, binascii.Error):
        return None

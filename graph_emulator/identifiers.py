"""Identifiers that follow from the seed, so that the same run twice gives the same tenant."""

import base64
import hashlib


def digest(*parts: object) -> bytes:
    """Sixteen bytes that depend on the parts only."""
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).digest()


def guid(*parts: object) -> str:
    """A GUID that depends on the parts only."""
    text = digest(*parts).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"


def share(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts only: a seeded die."""
    return int.from_bytes(digest(*parts)[:7], "big") / (1 << 56)


def opaque_id(*parts: object) -> str:
    """An identifier that is no GUID, as those of app role assignments."""
    return base64.urlsafe_b64encode(digest(*parts) + digest("tail", *parts)).decode().rstrip("=")

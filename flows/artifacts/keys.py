"""Keys of artifacts."""

import re


def artifact_key(*parts: str) -> str:
    """Return the parts as the key of an artifact: Prefect takes lower case, digits and dashes."""
    return re.sub(r"[^a-z0-9-]+", "-", "-".join(parts).lower()).strip("-")

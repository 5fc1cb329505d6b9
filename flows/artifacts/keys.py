"""Keys of artifacts."""

import re


def artifact_key(*parts: str) -> str:
    """Return the parts as an artifact key: Prefect allows lower case, digits and dashes."""
    return re.sub(r"[^a-z0-9-]+", "-", "-".join(parts).lower()).strip("-")

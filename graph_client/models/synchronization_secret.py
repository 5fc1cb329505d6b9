"""synchronizationSecretKeyStringValuePair: one credential or setting of a connector.

https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationsecretkeystringvaluepair
"""

from __future__ import annotations

from pydantic import Field

from .resource import Resource

__all__ = ["SynchronizationSecret"]


class SynchronizationSecret(Resource):
    """A key and its value, which Graph masks with "*" where it is sensitive."""

    key: str
    value: str | None = Field(default=None, repr=False)

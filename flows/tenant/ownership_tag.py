"""The ownership tag, which identifies our applications."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

_TAG = "entra-fleet:"


@dataclass(frozen=True)
class OwnershipTag:
    """The fleet and the key of an application."""

    fleet: str
    key: str

    @property
    def tag(self) -> str:
        """The tag text on the application and its service principal."""
        return f"{_TAG}{self.fleet}:{self.key}"

    def unique_name(self, display_name: str) -> str:
        """Return the display name an application is created under, to find it if the answer is lost."""
        return f"{display_name} [{self.tag}]"

    @classmethod
    def in_tags(cls, tags: Iterable[str]) -> Self | None:
        """Return the first ownership tag among `tags`."""
        for tag in tags:
            parts = tag.split(":")
            if tag.startswith(_TAG) and len(parts) == 3:
                return cls(parts[1], parts[2])
        return None

    @classmethod
    def in_name(cls, display_name: str) -> Self | None:
        """Return the ownership tag at the end of a unique name."""
        _, bracket, tail = display_name.rpartition(" [")
        return cls.in_tags([tail[:-1]]) if bracket and tail.endswith("]") else None


def tag_prefix(fleet: str | None = None) -> str:
    """Return the prefix of the tags of one fleet, or of all fleets."""
    return f"{_TAG}{fleet}:" if fleet else _TAG

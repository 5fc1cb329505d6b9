"""Counts as a person reads them."""

from collections.abc import Mapping


def in_words(counts: Mapping[str, int]) -> str:
    """Return `3 created, 1 failed`, in the order given and without the zeros; empty if there is nothing to say."""
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)

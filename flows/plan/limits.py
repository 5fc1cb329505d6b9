"""How much of a fleet one run may change without --force."""

PERCENT_MAX = 30
NEVER_REFUSED = 4
"""Always allowed, however small the fleet."""


def refuse_large_share(count: int, of: int, what: str) -> str | None:
    """Return why a run may not change so many instances of a fleet at once.

    Args:
        count: Instances that would be changed.
        of: Instances that the fleet has.
        what: The action, such as `retire`.

    Returns:
        The refusal with its hint; None if the run may continue.
    """
    if count <= NEVER_REFUSED or 100 * count <= PERCENT_MAX * of:
        return None
    return (
        f"This would {what} {count} of {of} instances ({100 * count / of:.3g} %); the limit is {PERCENT_MAX} %.\n"
        "Check the plan again, and add --force if that is what you want."
    )

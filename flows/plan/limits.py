"""How much of a fleet one run may change without being told twice."""

PERCENT_MAX = 30
NEVER_REFUSED = 4
"""So few are a person's daily work, however small the fleet."""


def refuse_large_share(count: int, of: int, what: str) -> str | None:
    """Say why a run may not change so many instances of a fleet at once.

    Args:
        count: Instances that would be changed.
        of: Instances that the fleet has.
        what: What would be done to them, such as `retire`.

    Returns:
        The refusal, with what to do about it; None if the run may go on.
    """
    if count <= NEVER_REFUSED or 100 * count <= PERCENT_MAX * of:
        return None
    return (
        f"This would {what} {count} of {of} instances ({100 * count / of:.3g} %); the limit is {PERCENT_MAX} %.\n"
        "Look at the plan again, and add --force if that is what you want."
    )

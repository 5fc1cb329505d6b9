"""The access that a fleet gave for an instance in the policies of two tenants, and that goes with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.errors import StepFailed
from flows.fleet_file.models import Fleet
from flows.plan.plan import FieldChange

if TYPE_CHECKING:
    from flows.store import GivenAccess, Store

_ORDER = ("target.users", "target.groups", "target.redeem", "target.partner", "source.redeem", "source.partner")
"""The target first, as the way there is closed where it was opened; a partner last, once nothing of ours is on it."""


@dataclass(frozen=True)
class Withdrawal:
    """What is to be taken away again, in this order."""

    given: tuple["GivenAccess", ...]
    sign_in: str | None
    """How to sign in to the target; None if the fleet file does not say."""

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """The changes for the journal."""
        return tuple(FieldChange(name_field(each), "true", each.before) for each in self.given)


def name_field(given: "GivenAccess") -> str:
    """Return what the plan calls it, such as `target.users`."""
    return f"{given.access.side}.{given.access.field}"


def list_given(store: "Store", fleet: Fleet, key: str) -> tuple["GivenAccess", ...]:
    """Return what was given for an instance and not withdrawn yet, in the order in which it goes."""
    found = [each for name in sorted(fleet.names) for each in store.given_access.of(fleet.tenant_id, name, key)]
    return tuple(sorted((each for each in found if each.is_open), key=lambda each: _ORDER.index(name_field(each))))


def plan_withdrawal(fleet: Fleet, key: str, given: Sequence["GivenAccess"]) -> Withdrawal | None:
    """Return what is withdrawn of an instance; None if nothing was given.

    Raises:
        StepFailed: Access was given in a target tenant that the fleet file no longer says how to sign in to.
    """
    if not given:
        return None
    wanted = next((each.cross_tenant for each in fleet.instances if each.key == key), None)
    sign_in = wanted.sign_in if wanted else None
    targets = {each.access.target_tenant_id for each in given if each.access.side == "target"}
    if targets and (wanted is None or sign_in is None or targets != {wanted.tenant_id}):
        # Cause: The instance, or its sign_in, was removed from the fleet file before its policies were withdrawn.
        raise StepFailed(
            "TargetSignInMissing",
            f"{key} was given access in tenant {', '.join(sorted(targets))}, and the fleet file does not say how to "
            "sign in there.",
            "Put cross_tenant with tenant_id and sign_in back until it is withdrawn, or retire it without --policies.",
            step="plan",
        )
    return Withdrawal(tuple(given), sign_in)

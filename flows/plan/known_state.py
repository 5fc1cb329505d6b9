"""What a plan takes from the store, beyond the fleet file and the tenant."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.mappings.models import Mappings


@dataclass(frozen=True)
class KnownState:
    """What earlier runs recorded and Graph does not have."""

    fingerprinted: frozenset[tuple[str, str]] = frozenset()
    """Service principal id and credential key of each credential whose fingerprint is in the store."""
    paused_by_us: frozenset[str] = frozenset()
    """Ids of the jobs whose last journaled change of state was our pause."""

    applied: Mapping[tuple[str, str], Mappings] = field(default_factory=dict)
    """What was last applied to each job, by service principal id (lower case) and job id."""

    def applied_to(self, service_principal_id: str | None, job_id: str) -> Mappings | None:
        """Return the mappings last applied to a job, if known."""
        return self.applied.get(((service_principal_id or "").lower(), job_id))

    def knows(self, service_principal_id: str | None, key: str) -> bool:
        """Return whether the store can tell if a credential has changed."""
        return ((service_principal_id or "").lower(), key) in self.fingerprinted

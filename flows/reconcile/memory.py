"""What a plan knows beyond the fleet file and the tenant."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Memory:
    """What earlier runs wrote down and Graph cannot tell."""

    fingerprinted: frozenset[tuple[str, str]] = frozenset()
    """Service principal id and credential key of each credential whose fingerprint is in the store."""
    paused_by_us: frozenset[str] = frozenset()
    """Ids of the jobs whose last journaled change of state was our pause."""

    def knows(self, service_principal_id: str | None, key: str) -> bool:
        """Tell whether the store can say if a credential has changed."""
        return ((service_principal_id or "").lower(), key) in self.fingerprinted

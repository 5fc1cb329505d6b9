"""The result of a demo, compared with the tenant's own state."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.cli.demo.fleet import AWS
from flows.fleet_file.models import Fleet
from flows.monitoring.health import assess_job
from flows.monitoring.sweep import Sweep
from flows.run.outcome import FleetOutcome
from flows.store import ErrorCount, EventCount
from flows.tenant.ownership_tag import OwnershipTag
from graph_client.models import SynchronizationJob

Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class DemoResult:
    """What the flows of a demo reported, and what the store recorded."""

    fleet: Fleet
    outcome: FleetOutcome
    seen: Sweep
    harvested: Sequence[EventCount]
    errors: Sequence[ErrorCount]

    @property
    def events(self) -> Counts:
        """Harvested events by key and status."""
        keys = {each.service_principal_id: each.key for each in self.outcome.instances}
        events: dict[str, dict[str, int]] = defaultdict(dict)
        for count in self.harvested:
            events[keys.get(count.service_principal_id, "?")][count.status or "?"] = count.count
        return events

    @property
    def totals(self) -> dict[str, int]:
        """Harvested events by status."""
        total: Counter[str] = Counter()
        for counts in self.events.values():
            total.update(counts)
        return dict(sorted(total.items()))

    @property
    def role_importers(self) -> list[str]:
        """Keys of the instances that import roles, which the provisioning log does not cover."""
        return [instance.key for instance in self.fleet.instances if instance.template == AWS]

    def differences(self, state: Mapping[str, Any]) -> list[str]:
        """Return where the tenant's state differs from what the flows reported.

        A failed instance may have one application or none, but never two; a job that Graph did not show may be in any
        state.

        Args:
            state: What the embedded tenant holds.
        """
        held = _held(state, self.fleet.fleet)
        reported = {
            each.key: (each.service_principal_id, self._state_of(each.key), dict(self.events.get(each.key, {})))
            for each in self.outcome.instances
            if not each.failure
        }
        found = [
            f"{key}: {len(all_held)} applications in the tenant" for key, all_held in held.items() if len(all_held) > 1
        ]
        failed = {each.key for each in self.outcome.instances if each.failure}
        for key in sorted((held.keys() | reported.keys()) - failed):
            tenant, ours = held.get(key, [None])[0], reported.get(key)
            if tenant and ours and ours[1] == "unknown":
                ours = (ours[0], tenant[1], ours[2])
            if tenant != ours:
                found.append(f"{key}: the tenant has {tenant}, the flows reported {ours}")
        return found

    def _state_of(self, key: str) -> str | None:
        return next((reading.health.state for reading in self.seen.readings if reading.target.key == key), None)

    def as_json(self) -> dict[str, Any]:
        """Return what `demo --output json` prints."""
        return {
            "provisioned": self.outcome.as_json(),
            "jobs": self.seen.as_json()["instances"],
            "events": {"by_key": {key: dict(counts) for key, counts in self.events.items()}, "total": self.totals},
            "errors": [{"code": each.error_code, "count": each.count} for each in self.errors],
            "role_importers": self.role_importers,
        }


def _held(state: Mapping[str, Any], fleet: str) -> dict[str, list[tuple[str, str, dict[str, int]]]]:
    """Return service principal, job state and events of each application tagged by the fleet, by key."""
    principals = {principal["appId"]: principal["id"] for principal in state["servicePrincipals"]}
    held: dict[str, list[tuple[str, str, dict[str, int]]]] = defaultdict(list)
    for application in state["applications"]:
        mark = OwnershipTag.in_tags(application["tags"]) or OwnershipTag.in_name(application["displayName"])
        if mark and mark.fleet == fleet:
            principal = principals[application["appId"]]
            jobs = state["jobs"].get(principal, [])
            health = assess_job(SynchronizationJob.model_validate(jobs[0]) if len(jobs) == 1 else None)
            held[mark.key].append((principal, health.state, dict(state["events"].get(principal, {}))))
    return held

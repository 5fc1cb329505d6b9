"""The result of a demo, compared with the tenant's own state."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.cli.demo.fleet import AWS, NON_GALLERY
from flows.cli.output.tables import Column, print_table, state_text
from flows.errors import StepFailed
from flows.fleet_file.models import Fleet
from flows.formatting import format_count
from flows.inventory.findings import read_expiry
from flows.inventory.inventory import Inventory
from flows.monitoring.health import assess_job
from flows.monitoring.sweep import Sweep
from flows.run.journal import FleetOutcome
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
    targets: Mapping[str, int] = field(default_factory=dict)
    """Accounts in each target system that runs here."""
    inventory: Inventory | None = None
    """Every job of the tenant, those that were there before included."""
    guests: Mapping[str, int] = field(default_factory=dict)
    """Users in each target tenant that came from the fleet's tenant."""

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
                # Graph did not show its state, so it is not compared.
                ours = (ours[0], tenant[1], ours[2])
            if tenant != ours:
                found.append(f"{key}: the tenant has {tenant}, the flows reported {ours}")
        return found + self._missed(state)

    def _missed(self, state: Mapping[str, Any]) -> list[str]:
        """Return the jobs in which the inventory differs from the tenant, but for what Graph did not show."""
        if self.inventory is None:
            return []
        hidden = {each.service_principal_id for each in self.inventory.unreadable}
        shown = {(row.job.service_principal_id, row.job.job_id) for row in self.inventory.rows}
        held = {(id_, job["id"]) for id_, jobs in state["jobs"].items() for job in jobs}
        return [f"inventory: job {job} of {id_}" for id_, job in sorted(shown ^ held) if id_ not in hidden]

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
            "targets": dict(self.targets),
            "guests": dict(self.guests),
            "inventory": self.inventory.as_json() if self.inventory else None,
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


_ERRORS_SHOWN = 3


def print_instances(rehearsal: DemoResult, console: Console) -> None:
    """Print one row per instance: outcome, job state and harvested events."""
    statuses = list(rehearsal.totals)
    columns = (Column("key"), Column("template", drop=1), Column("outcome"), Column("job"), *map(Column, statuses))
    jobs = {reading.target.key: str(reading.health.state) for reading in rehearsal.seen.readings}
    templates = {instance.key: instance.template for instance in rehearsal.fleet.instances}
    rows: list[tuple[str | Text, ...]] = []
    for each in rehearsal.outcome.instances:
        template = templates[each.key]
        events = rehearsal.events.get(each.key, {})
        # Numbers stand below the end of their heading.
        counts = (str(events.get(status, "-")).rjust(len(status)) for status in statuses)
        name = "custom SCIM (non-gallery)" if template == NON_GALLERY else template
        rows.append((each.key, name, state_text(each.outcome), state_text(jobs.get(each.key, "-")), *counts))
    print_table(columns, rows, console)


def summary_grid(rehearsal: DemoResult, differences: list[str]) -> Table:
    """Return the totals, and whether they match the tenant's state."""
    outcome, events = rehearsal.outcome, sum(rehearsal.totals.values())
    grid = Table.grid(padding=(0, 2))
    requests = f"{outcome.requests} requests, {outcome.requests / max(1, len(outcome.instances)):.1f} per instance"
    grid.add_row("provisioned", f"{_counted(outcome.summary)} in {outcome.seconds:.1f} s; {requests}")
    grid.add_row("jobs", _counted(rehearsal.seen.count()))
    grid.add_row("events", f"{events} harvested: {_counted(rehearsal.totals)}" if events else "none harvested")
    for error in rehearsal.errors[:_ERRORS_SHOWN]:
        grid.add_row("", Text(f"{error.count} x {error.error_code}: {error.example_reason or ''}", no_wrap=True))
    if targets := rehearsal.targets:
        grid.add_row("accounts", f"{sum(targets.values())} in {len(targets)} SCIM target systems that run here")
    if guests := rehearsal.guests:
        grid.add_row("guests", ", ".join(f"{name} {count}" for name, count in guests.items()))
    for key, ends_at in find_sign_on(rehearsal):
        grid.add_row("sign-on", f"{key}: people sign in by SAML, with a certificate until {ends_at:%Y-%m-%d}")
    if importers := rehearsal.role_importers:
        why = "AWS Single-Account Access imports roles, which appear in the directory audit log"
        grid.add_row("no events", f"{', '.join(importers)}: {why} and not among provisioning events")
    for each in outcome.instances:
        if each.failure:
            grid.add_row("failed", Text(_in_one_line(each.key, each.failure), style="red"))
    agreed = "matches on every application, job state and event"
    grid.add_row("the tenant", Text("\n".join(differences), style="red") if differences else agreed)
    return grid


def find_sign_on(rehearsal: DemoResult) -> Iterator[tuple[str, datetime]]:
    """Yield the instances that sign people in, and until when their certificates are valid."""
    for each in rehearsal.inventory.signing if rehearsal.inventory else ():
        if each.principal.fleet == rehearsal.fleet.fleet and (ends_at := read_expiry(each.principal)):
            yield each.principal.key or "", ends_at


def _in_one_line(key: str, failure: StepFailed) -> str:
    what = failure.message.splitlines()[0].rstrip(".")
    return f"{key} at {failure.step}: {what}. A second apply finishes it."


def _counted(counts: Mapping[str, int]) -> str:
    return format_count(dict(sorted(counts.items()))) or "none"

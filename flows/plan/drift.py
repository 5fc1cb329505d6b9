"""Who made an instance differ from the fleet file: what a plan keeps of its look, and what the audit log says."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flows.plan.job_settings import build_job_settings
from flows.plan.known_state import KnownState
from flows.plan.plan import Action, FieldChange, InstancePlan, Plan

if TYPE_CHECKING:
    # It brings the store, which a plan can do without.
    from flows.monitoring.attribution import Attribution
    from flows.store import DriftLook
    from flows.store.drift_looks import Area

_UNKNOWN = frozenset({"saved", None})
"""What a plan shows instead of a value that Graph does not return, or that does not exist."""


def name_changes(plan: InstancePlan, known: KnownState) -> InstancePlan:
    """Return a plan with who made the changes in the tenant that it would undo, as far as is known."""
    if not (known.drifted_by or known.job_changed_by) or not plan.changes:
        return plan
    return replace(plan, changes=tuple(replace(each, changed_by=_author(each, plan, known)) for each in plan.changes))


def _author(change: FieldChange, plan: InstancePlan, known: KnownState) -> "Attribution | None":
    job_id = plan.job_id
    if change.field == "job":
        return known.job_changed_by.get((plan.key, "deleted", None)) if job_id is None else None
    if change.field == "job_state":
        return known.job_changed_by.get((plan.key, "paused" if change.before == "paused" else "started", job_id))
    principal = (plan.service_principal_id or "").lower()
    return known.drifted_by.get((principal, job_id or "", change.field, _digest(change.before, change.after)))


def build_looks(plan: Plan, looked_at: datetime) -> "list[DriftLook]":
    """Return what a plan has seen of the settings and the mappings of each instance.

    Args:
        plan: The plan, made without the option to save all credentials again.
        looked_at: When the tenant was read.
    """
    return [look for each in plan.instances for look in _looks_at(each, plan.tenant_id, looked_at)]


def _looks_at(plan: InstancePlan, tenant_id: str, looked_at: datetime) -> "Iterator[DriftLook]":
    # Half a second to import, which a plan without a run of its own need not wait for.
    from flows.store import DriftedField, DriftLook  # noqa: PLC0415

    if plan.action in {Action.CREATE, Action.CONFLICT} or not (plan.job_id and plan.service_principal_id):
        return
    for area, desired in _compared(plan).items():
        fields = {each.field: DriftedField(_digest(each.before, each.after)) for each in _changes_in(plan, area)}
        yield DriftLook(
            tenant_id=tenant_id,
            service_principal_id=plan.service_principal_id.lower(),
            area=area,
            job_id=plan.job_id,
            desired=_digest(desired),
            looked_at=looked_at,
            fields=fields,
        )


def _compared(plan: InstancePlan) -> "dict[Area, Any]":
    """Return what the file says of each area that could be compared: what may not be read is no look."""
    instance = plan.instance
    found: dict[Area, Any] = {}
    if plan.settings_read:  # else nothing was compared, and no difference means nothing
        found["settings"] = [dict(instance.credentials), build_job_settings(instance, {})]
    if plan.schema_digest and instance.mappings:
        found["mappings"] = instance.mappings.model_dump(mode="json")
    return found


def _changes_in(plan: InstancePlan, area: "Area") -> Iterator[FieldChange]:
    name = "credentials" if area == "settings" else area
    for change in plan.changes:
        hidden = area == "settings" and change.before in _UNKNOWN
        if change.field.partition(".")[0] == name and not hidden:
            yield change


def _digest(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

"""The checks of `cross_tenant` that take more than the field itself: other fields, other instances, the fleet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flows.documents.errors import Place, Problem
from flows.documents.field_types import shorten_value
from flows.documents.nodes import Entry, locate
from flows.fleet_file.cross_tenant import GALLERY_NAME, TEMPLATE_ID, TEMPLATE_NAME
from flows.fleet_file.models import Instance

_TEMPLATES = (TEMPLATE_NAME.casefold(), GALLERY_NAME.casefold(), TEMPLATE_ID)


def with_target_credentials(instance: Instance) -> Instance:
    """The instance with the credentials that follow from its target."""
    if instance.cross_tenant is None:
        return instance
    whole = {**instance.cross_tenant.credentials, **instance.credentials}
    return instance.model_copy(update={"credentials": whole})


def check_cross_tenant(entry: Entry, instance: Instance) -> Iterator[Problem]:
    """What contradicts `cross_tenant` in the same instance."""
    wanted = instance.cross_tenant
    if wanted is None:
        return
    if instance.template.casefold() not in _TEMPLATES:
        what = f"belongs to the template Cross-tenant synchronization, not to {shorten_value(instance.template)}"
        yield Problem(_place(entry, "cross_tenant"), what, "Remove it, or correct the template.")
    for key, value in wanted.credentials.items():
        if instance.credentials.get(key, value).casefold() != value.casefold():
            what = f"{shorten_value(instance.credentials[key])} contradicts cross_tenant, which makes it {value}"
            yield Problem(_place(entry, "credentials", key), what, "Remove the line.")
    if wanted.groups and instance.scope != "assigned":
        what = "groups are synchronized only with 'scope: assigned'"
        yield Problem(_place(entry, "cross_tenant", "groups"), what, "Write scope: assigned, or remove groups.")


def find_target_conflicts(pairs: Sequence[tuple[Entry, Instance]], source_tenant_id: str) -> Iterator[Problem]:
    """Targets that are the source itself, or that two instances share."""
    first: dict[str, Place] = {}
    for entry, instance in pairs:
        if (wanted := instance.cross_tenant) is None:
            continue
        place = _place(entry, "cross_tenant", "tenant_id")
        if wanted.tenant_id == source_tenant_id:
            what = f"{wanted.tenant_id} is the tenant of the fleet itself"
            yield Problem(place, what, "Write the id of the tenant that users are synchronized into.")
        before = first.setdefault(wanted.tenant_id, place)
        if before is not place:
            what = f"{wanted.tenant_id} is already a target: {before}"
            yield Problem(place, what, "A target has one instance: use a scoping filter, or groups, in that one.")


def _place(entry: Entry, *path: str) -> Place:
    return locate(entry, path)[0]

"""The applications with a fleet's ownership tag, for actions by key."""

from collections.abc import Mapping
from dataclasses import dataclass

from flows.errors import StepFailed
from flows.fleet_file.models import Fleet, Instance
from flows.tenant.instance_state import ObservedInstance
from flows.tenant.observe import find_applications
from flows.tenant.templates import find_templates
from graph_client import GraphClient


@dataclass(frozen=True)
class OwnedApplications:
    """The applications of a fleet, and lookalikes."""

    by_key: Mapping[str, tuple[ObservedInstance, ...]]
    """By the key in their tag; more than one if there are duplicates."""
    strangers: Mapping[str, tuple[ObservedInstance, ...]]
    """Applications without the fleet's tag, by the key of the instance with the same template and display name."""

    def of(self, key: str, instance: Instance | None) -> tuple[ObservedInstance, ...]:
        """Return the applications with the tag of a key, or of the key that its instance was renamed from."""
        keys = instance.own_keys if instance else (key,)
        return next((self.by_key[each] for each in keys if each in self.by_key), ())


async def find_owned_applications(graph: GraphClient, fleet: Fleet) -> OwnedApplications:
    """Find the applications of a fleet, including those whose creation was interrupted before they were tagged.

    Raises:
        GraphError: A read failed after all retries.
    """
    templates, _ = await find_templates(graph, {instance.template for instance in fleet.instances})
    found = await find_applications(graph, fleet.names, {template.id for template in templates.values()})
    by_key: dict[str, tuple[ObservedInstance, ...]] = {}
    others: dict[tuple[str | None, str], tuple[ObservedInstance, ...]] = {}
    for item in found:
        if item.mark is not None and item.mark.fleet in fleet.names:
            by_key[item.mark.key] = (*by_key.get(item.mark.key, ()), item)
        else:
            look = (item.template_id, item.display_name)
            others[look] = (*others.get(look, ()), item)
    looks = {
        each.key: (templates[each.template].id, each.display_name)
        for each in fleet.instances
        if each.template in templates
    }
    return OwnedApplications(by_key, {key: others[look] for key, look in looks.items() if look in others})


def format_two_applications(key: str, application_ids: list[str]) -> StepFailed:
    """Return the failure for an instance with more than one application."""
    return StepFailed(
        "TwoApplications",
        f"{len(application_ids)} applications are tagged as {key}: {' and '.join(sorted(application_ids))}.",
        duplicate_hint(key),
        step="find",
    )


def duplicate_hint(key: str) -> str:
    """Return the hint for two applications with the same tag."""
    return f"Keep one and retire the other: entra-fleet retire FLEET --only {key} --application-id ID"

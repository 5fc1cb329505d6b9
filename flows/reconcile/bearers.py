"""The applications that bear a fleet's mark, for what is done to them by key."""

from collections.abc import Mapping
from dataclasses import dataclass

from flows.reconcile.fleet import Fleet, Instance
from flows.reconcile.observe import ObservedInstance, find_applications
from flows.reconcile.steps.failure import StepFailed
from flows.reconcile.templates import find_templates
from graph_client import GraphClient


@dataclass(frozen=True)
class Bearers:
    """The applications of a fleet, and those that only look like it."""

    by_key: Mapping[str, tuple[ObservedInstance, ...]]
    """By the key that their mark names; more than one where something made a double."""
    unmarked: Mapping[str, tuple[ObservedInstance, ...]]
    """Applications without any mark, by the key of the instance whose template and display name they have."""

    def of(self, key: str, instance: Instance | None) -> tuple[ObservedInstance, ...]:
        """Return the bearers of a key, or of the key that its instance was renamed from."""
        former = instance.renamed_from if instance else None
        return self.by_key.get(key) or self.by_key.get(former or "", ())


async def find_bearers(graph: GraphClient, fleet: Fleet) -> Bearers:
    """Look for the applications of a fleet, those included whose creation was cut short before they got their mark.

    Raises:
        GraphError: A read failed for good.
    """
    templates, _ = await find_templates(graph, {instance.template for instance in fleet.instances})
    found = await find_applications(graph, fleet.fleet, {template.id for template in templates.values()})
    by_key: dict[str, tuple[ObservedInstance, ...]] = {}
    nameless: dict[tuple[str | None, str], tuple[ObservedInstance, ...]] = {}
    for item in found:
        if item.mark is None:
            look = (item.template_id, item.display_name)
            nameless[look] = (*nameless.get(look, ()), item)
        elif item.mark.fleet == fleet.fleet:
            by_key[item.mark.key] = (*by_key.get(item.mark.key, ()), item)
    unmarked = {
        instance.key: nameless[templates[instance.template].id, instance.display_name]
        for instance in fleet.instances
        if instance.template in templates and (templates[instance.template].id, instance.display_name) in nameless
    }
    return Bearers(by_key, unmarked)


def two_applications(key: str, application_ids: list[str]) -> StepFailed:
    """Return the failure of an instance that is more than one application."""
    return StepFailed(
        "TwoApplications",
        f"{len(application_ids)} applications bear the mark of {key}: {' and '.join(sorted(application_ids))}.",
        heal_double(key),
        step="find",
    )


def heal_double(key: str) -> str:
    """Return what a person does about two applications with one mark."""
    return f"Keep one, and retire the other: entra-fleet retire FLEET --only {key} --application-id ID"

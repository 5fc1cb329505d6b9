"""Why an instance has to be left alone."""

import shlex

from flows.reconcile.bearers import heal_double
from flows.reconcile.fleet import Instance
from flows.reconcile.limits import PERCENT_MAX
from flows.reconcile.mark import Mark
from flows.reconcile.observed import Observed, ObservedInstance
from flows.reconcile.plan import Conflict

REMOVALS_ALWAYS = 10
"""So many assignments of an instance may go at once however few it has."""


def conflict_of(
    fleet: str, instance: Instance, observed: Observed, bearers: tuple[ObservedInstance, ...]
) -> Conflict | None:
    """Return what stands in the way of an instance, if anything does."""
    if problem := observed.problems.get(instance.template):
        return Conflict(problem.code, problem.message, problem.hint)
    if len(bearers) > 1:
        ids = " and ".join(sorted(item.application_id or item.app_id for item in bearers))
        return Conflict(
            "TwoApplications",
            f"{len(bearers)} applications bear the mark {Mark(fleet, instance.key).tag}: {ids}.",
            heal_double(instance.key),
        )
    if conflict := _not_to_adopt(fleet, instance, bearers):
        return conflict
    template_id = observed.templates[instance.template].id
    if bearers:
        return _other_template(instance, template_id, bearers[0])
    if namesakes := observed.namesakes.get((template_id, instance.display_name)):
        return Conflict(
            "NameTaken",
            f"An application {instance.display_name!r} of this template exists and is not ours: {namesakes[0]}.",
            f"To take it in: entra-fleet adopt --template {shlex.quote(instance.template)}. "
            "Otherwise give this instance another display_name.",
        )
    return None


def too_many_removals(instance: Instance, removals: int, assigned: int) -> Conflict | None:
    """Return the conflict of taking away more assignments at once than is likely to be meant."""
    limit = max(REMOVALS_ALWAYS, assigned * PERCENT_MAX // 100)
    if removals <= limit:
        return None
    return Conflict(
        "TooManyRemovals",
        f"assignments_mode exact would take {removals} of the {assigned} assignments of {instance.key} away "
        f"({100 * removals / assigned:.3g} %); the limit is {limit}.",
        "Correct assignments in the fleet file, or look at them with plan --force and apply with --force.",
    )


def _not_to_adopt(fleet: str, instance: Instance, bearers: tuple[ObservedInstance, ...]) -> Conflict | None:
    """Return why the application that the file says to adopt is not taken, if it says so."""
    if instance.adopt is None:
        return None
    if not bearers:
        return Conflict(
            "AdoptNotFound",
            f"There is no application {instance.adopt} to adopt as {instance.key}.",
            "adopt takes the object id of an application, not of its service principal, nor its client id.",
        )
    found = bearers[0]
    if found.application_id not in {None, instance.adopt}:
        return Conflict(
            "AdoptedAnother",
            f"{instance.key} is application {found.application_id} already, and is to adopt {instance.adopt}.",
            "Correct or remove adopt, or give that application an instance with a key of its own.",
        )
    if not found.marked and found.mark not in {None, *(Mark(fleet, key) for key in instance.own_keys)}:
        return Conflict(
            "MarkedByAnother",
            f"The application {instance.adopt} bears the mark {found.mark.tag if found.mark else ''}.",
            "Only what bears no mark is adopted. Have the other fleet give it up, or correct adopt.",
        )
    return None


def _other_template(instance: Instance, template_id: str, found: ObservedInstance) -> Conflict | None:
    if found.template_id in {None, template_id}:
        return None
    return Conflict(
        "OtherTemplate",
        f"The application of {instance.key} was made from template {found.template_id}, not {template_id}.",
        "A template cannot be changed. Give the instance a new key, and retire the old one.",
    )

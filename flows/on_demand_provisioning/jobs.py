"""The jobs and rules for on-demand provisioning."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from flows.errors import StepFailed
from flows.fleet_file.models import Fleet, Instance
from flows.monitoring.health import assess_job
from flows.monitoring.own_job import find_own_job
from flows.on_demand_provisioning.subjects import Kind
from flows.plan.diff import select_instances
from flows.tenant.instance_state import ObservedInstance
from flows.tenant.observe import find_instances
from flows.tenant.owned_applications import format_two_applications
from graph_client import GraphClient, Resources
from graph_client.errors import Forbidden, Unauthorized
from graph_client.models import SynchronizationJob, SynchronizationRule
from graph_client.parallel import gather

_STEP = "find-job"


@dataclass(frozen=True)
class OnDemandTarget:
    """The job of an instance, and what it makes of users and of groups."""

    key: str
    service_principal_id: str
    job_id: str
    rules: tuple[tuple[Kind, str, str], ...]
    """Kind of subject, id of the rule for it, and the rule's own word for the kind."""

    def rule_for(self, kind: Kind) -> tuple[str, str]:
        """Return the rule for a kind of subject, and the rule's own word for it.

        Raises:
            StepFailed: The job does not provision that kind.
        """
        for known, rule_id, word in self.rules:
            if known == kind:
                return rule_id, word
        raise StepFailed(
            "KindNotProvisioned",
            f"The job of {self.key} does not provision {kind.lower()}s.",
            "Check its mappings: an object mapping may be disabled, or the application does not support them.",
            step=_STEP,
        )


async def find_targets(graph: GraphClient, fleet: Fleet, only: Collection[str]) -> list[OnDemandTarget]:
    """Return the jobs of some instances.

    Raises:
        UnknownKey: A key is not in the fleet file.
        StepFailed: An instance has no job, or one that takes nobody on demand as it is.
        GraphError: A read failed for good.
    """
    wanted = select_instances(fleet, only)
    found = await find_instances(graph, fleet)
    looks = (_place(graph.batched, each, found.get(each.key, [])) for each in wanted)
    places: list[OnDemandTarget] = []
    # All of them end before one that failed ends the run, which closes the client that they share.
    for place in await asyncio.gather(*looks, return_exceptions=True):
        if isinstance(place, BaseException):
            raise place
        places.append(place)
    return places


async def _place(graph: Resources, instance: Instance, bearers: list[ObservedInstance]) -> OnDemandTarget:
    key = instance.key
    if len(bearers) > 1:
        raise format_two_applications(key, [each.application_id or each.app_id for each in bearers])
    principal_id = bearers[0].service_principal_id if bearers else None
    if principal_id is None:
        raise StepFailed("NotCreated", f"No application has the ownership tag of {key}.", "Apply first.", step=_STEP)
    job = (await find_own_job(graph, principal_id, instance.synchronization_template)).job
    if job is None:
        raise StepFailed("JobMissing", f"{key} has no provisioning job.", "Apply first.", step=_STEP)
    rules, secrets = await gather(graph.synchronization.rules(principal_id, job.id), _secret_names(graph, principal_id))
    if any(name.lower().startswith("oauth2") for name in secrets) and _runs(job):
        raise StepFailed(
            "PauseFirst",
            f"{key} signs in to its target with OAuth, which does not allow on-demand provisioning while the job runs.",
            f"entra-fleet jobs pause FLEET --only {key}, then try, then run: entra-fleet jobs start FLEET --only {key}",
            step=_STEP,
        )
    return OnDemandTarget(key, principal_id, job.id, _rules(rules))


async def _secret_names(graph: Resources, service_principal_id: str) -> Collection[str]:
    try:
        return await graph.synchronization.secrets(service_principal_id)
    except (Unauthorized, Forbidden):
        return ()


def _runs(job: SynchronizationJob) -> bool:
    return assess_job(job).state not in {"paused", "created"}


def _rules(rules: Collection[SynchronizationRule]) -> tuple[tuple[Kind, str, str], ...]:
    kinds: tuple[Kind, ...] = ("User", "Group")
    return tuple((kind, rule.id or "", word) for kind in kinds for rule in rules if (word := rule.source_of(kind)))

"""The state of a fleet in the tenant, and the applications that have its ownership tag."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.configuration.target_tenants import TargetTenants
from flows.errors import StepFailed
from flows.fleet_file.models import Assignment, Fleet, Instance
from flows.tenant.assignments import Assigned, Principal, find_principals, missing_assignments, surplus_assignments
from flows.tenant.cross_tenant import Candidate, observe_partnerships
from flows.tenant.instance_state import Observed, ObservedInstance, read_desired_instance
from flows.tenant.ownership_tag import tag_prefix
from flows.tenant.recycle_bin import find_deleted, find_deleted_principals
from flows.tenant.schemas import TemplateIds, read_languages
from flows.tenant.single_sign_on import find_fleet_policies, find_identifier_owners
from flows.tenant.templates import find_templates, with_new_names
from graph_client import GraphClient, Resources
from graph_client.models import Application, ApplicationTemplate, ServicePrincipal, SynchronizationJob
from graph_client.parallel import gather
from graph_client.protocol import text_literal

_APPLICATION_FIELDS = (
    "id",
    "appId",
    "displayName",
    "tags",
    "applicationTemplateId",
    "notes",
    "serviceManagementReference",
    "createdDateTime",
)
_SERVICE_PRINCIPAL_FIELDS = ("id", "appId", "displayName", "tags", "applicationTemplateId", "appRoles")
_VALUES_PER_FILTER = 15  # Graph's maximum in one `in`


async def observe_fleet(
    graph: GraphClient, fleet: Fleet, keys: Collection[str] | None = None, targets: TargetTenants | None = None
) -> Observed:
    """Read the tenant in batches: templates, the fleet's applications, and the jobs and secrets of each.

    Args:
        graph: A signed-in client.
        fleet: The desired state; only its name and templates matter here.
        keys: Read jobs and secrets of these instances only; None for all.
        targets: Signs in to the target tenants of cross-tenant synchronization; None to leave their policies unread.

    Raises:
        GraphError: A read failed after all retries.
    """
    templates, problems = await find_templates(graph, {instance.template for instance in fleet.instances})
    found, claims = await gather(
        find_applications(graph, fleet.names, {template.id for template in templates.values()}),
        find_fleet_policies(graph, fleet),
    )
    instances: dict[str, list[ObservedInstance]] = defaultdict(list)
    namesakes: dict[tuple[str, str], tuple[str, ...]] = defaultdict(tuple)
    for item in found:
        mark = item.mark
        if mark is None:
            # The same template and name without a tag: a plan must not create a second one beside it.
            namesakes[item.template_id or "", item.display_name] += (item.application_id or item.app_id,)
        elif mark.fleet in fleet.names:
            instances[mark.key].append(item)
    wanted = [item for key, items in instances.items() if keys is None or key in keys for item in items]
    # By former keys, too: an application that is not retagged yet is still found.
    desired = {key: each for each in fleet.instances for key in each.own_keys}
    adopting = _adopting(fleet, instances, keys)
    named = await find_named(graph, adopting)
    pairs = [(item, desired.get(item.key or "")) for item in wanted]
    pairs += [(item, adopting[application_id]) for application_id, item in named.items()]
    # Batched: three reads for each instance would otherwise be most of a plan's requests.
    looks = (read_desired_instance(graph.batched, item, instance, claims) for item, instance in pairs)
    looked = dict(zip((item for item, _ in pairs), await gather(*looks), strict=True))
    observed = Observed(
        {key: tuple(looked.get(item, item) for item in items) for key, items in instances.items()},
        namesakes,
        templates,
        problems,
        named={application_id: looked[item] for application_id, item in named.items()},
        claims=claims,
    )
    planned = [each for each in fleet.instances if keys is None or each.key in keys]
    mapped = _mapped((looked[item], instance) for item, instance in pairs)
    languages, problems, observed = await gather(
        read_languages(graph.batched, mapped),
        with_new_names(graph.batched, problems, _templates_in_use(observed, fleet)),
        _with_directory(graph, fleet, observed, planned),
    )
    if targets and any(each.cross_tenant for each in planned):
        candidates = _find_candidates(fleet, found, looked, templates)
        partnerships = await observe_partnerships(graph, fleet, planned, candidates, targets)
        observed = replace(observed, partnerships=partnerships)
    return replace(observed, languages=languages, problems=problems)


def _find_candidates(
    fleet: Fleet,
    found: Iterable[ObservedInstance],
    looked: Mapping[ObservedInstance, ObservedInstance],
    templates: Mapping[str, ApplicationTemplate],
) -> Iterator[Candidate]:
    """Yield the applications that may have a target: those of the cross-tenant template, no matter who made them."""
    own = {key: each.key for each in fleet.instances for key in each.own_keys}
    adopted = {each.adopt: each.key for each in fleet.instances if each.adopt}
    ids = {templates[each.template].id for each in fleet.instances if each.cross_tenant and each.template in templates}
    for item in found:
        if item.template_id not in ids or item.service_principal_id is None:
            continue
        tagged = item.mark is not None and item.mark.fleet in fleet.names
        key = own.get(item.key or "") if tagged else adopted.get(item.application_id or "")
        settings = (looked[item].secrets or {}) if item in looked else None
        yield Candidate(key, f"{item.display_name} ({item.service_principal_id})", item.service_principal_id, settings)


async def _with_directory(
    graph: GraphClient, fleet: Fleet, observed: Observed, planned: Iterable[Instance]
) -> Observed:
    """Add the users and groups in the plan, and the fleet's applications in the recycle bin."""
    planned = list(planned)
    owned = [observed.owned(each) for each in planned]
    halves = [item for items in owned for item in items if None in item.object_ids]
    # The recycle bin has no filter, so it is read only when something is missing.
    absent = not all(owned) or any(not item.application_id for item in halves)
    lacking = {
        identifier
        for each, items in zip(planned, owned, strict=True)
        for identifier in (each.sso.identifiers if each.sso else ())
        if not (items and identifier in items[0].sign_on.identifiers)
    }
    principals, deleted, deleted_principals, identifier_owners = await gather(
        _principals(graph, observed, planned),
        find_deleted(graph, fleet) if absent else _nothing(),
        find_deleted_principals(graph, [item.app_id for item in halves if not item.service_principal_id]),
        find_identifier_owners(graph, lacking),
    )
    return replace(
        observed,
        principals=principals,
        deleted=deleted,
        deleted_principals=deleted_principals,
        identifier_owners=identifier_owners,
    )


def _templates_in_use(observed: Observed, fleet: Fleet) -> dict[str, str]:
    """Return the ids of the templates that instances were made from, by what the fleet file calls them."""
    return {
        instance.template: item.template_id
        for instance in fleet.instances
        for item in observed.owned(instance)
        if item.template_id
    }


def _mapped(
    pairs: Iterable[tuple[ObservedInstance, Instance | None]],
) -> Iterator[tuple[TemplateIds, str, SynchronizationJob]]:
    """The jobs whose schemas were read."""
    for item, wanted in pairs:
        job = item.job_for(wanted.synchronization_template) if wanted and item.schema is not None else None
        if job:
            yield (item.template_id or "", job.template_id or ""), item.service_principal_id or "", job


def _adopting(
    fleet: Fleet, instances: Mapping[str, Iterable[ObservedInstance]], keys: Collection[str] | None
) -> dict[str, Instance]:
    """Return the instances whose application is not tagged yet, by the id of the one to adopt."""
    owned = {each.key: [item for key in each.own_keys for item in instances.get(key, ())] for each in fleet.instances}
    return {
        each.adopt: each
        for each in fleet.instances
        if each.adopt and (keys is None or each.key in keys)
        if each.adopt not in {item.application_id for item in owned[each.key]}
    }


async def _principals(graph: GraphClient, observed: Observed, planned: Iterable[Instance]) -> dict[str, Principal]:
    """Look up the users and groups that the plan would assign, add as owners or remove."""
    added: list[Assignment] = []
    removed: list[Assigned] = []
    owners: list[str] = []
    for instance in planned:
        owned = observed.owned(instance)
        if not owned:
            # Nothing exists yet, so all of them are new.
            added += instance.assignments
            owners += instance.owners
            continue
        found = owned[0]
        if found.unreadable:
            continue
        added += [
            each for each, _ in missing_assignments(instance, found.template_id or "", found.roles, found.assigned)
        ]
        removed += surplus_assignments(instance, found.roles, found.assigned)
        owners += [each for each in instance.owners if each not in found.owners]
    return await find_principals(graph, added, removed, owners)


async def find_applications(
    graph: GraphClient, fleets: Collection[str] | None, template_ids: Collection[str] = ()
) -> list[ObservedInstance]:
    """Return the applications tagged by some fleets, or by any, and all those created from some templates.

    The latter reveal namesakes, and instances whose creation was interrupted before they were tagged.

    Source: https://learn.microsoft.com/graph/api/application-list
    """
    prefixes = [tag_prefix()] if fleets is None else [tag_prefix(fleet) for fleet in sorted(fleets)]
    # By prefix, because the keys in the tenant need not be those of the file.
    tagged = [f"tags/any(t:startswith(t,{text_literal(prefix)}))" for prefix in prefixes]
    marked: dict[str | None, Application] = {}
    for condition in tagged:
        listing = graph.applications.list(filter=condition, select=_APPLICATION_FIELDS)
        marked |= {application.app_id: application async for application in listing}
    principals: dict[str | None, ServicePrincipal] = {}
    conditions = [
        *tagged,
        *(f"applicationTemplateId eq {text_literal(each)}" for each in sorted(template_ids)),
    ]
    for condition in conditions:
        principals |= await find_service_principals(graph, condition)
    # A tag may appear on the service principal late or never; its appId is there from the start.
    principals |= await group_principals(graph, [app_id for app_id in marked if app_id and app_id not in principals])
    app_ids = [*marked, *(app_id for app_id in principals if app_id not in marked)]
    return [observe_instance(marked.get(app_id), principals.get(app_id), app_id or "") for app_id in app_ids]


async def find_named(graph: GraphClient, application_ids: Collection[str]) -> dict[str, ObservedInstance]:
    """Return applications by their object ids, without their jobs; missing ones are omitted.

    Source: https://learn.microsoft.com/graph/api/application-list
    """
    found = {each.id: each for each in await group_applications(graph, "id", application_ids)}
    principals = await group_principals(graph, [each.app_id for each in found.values() if each.app_id])
    # Whatever tag it has, it was not found by the tag of the instance that names it.
    return {
        each.id: replace(observe_instance(each, principals.get(each.app_id), each.app_id or ""), marked=False)
        for each in found.values()
    }


async def group_applications(graph: GraphClient, field: str, values: Iterable[str]) -> list[Application]:
    """Return the applications whose id or appId is one of some values."""
    conditions = _conditions(field, values)
    pages = await gather(*(find_app_registrations(graph.batched, condition) for condition in conditions))
    return [application for page in pages for application in page]


async def find_app_registrations(graph: Resources, condition: str) -> list[Application]:
    """Return the applications that a filter selects."""
    return [each async for each in graph.applications.list(filter=condition, select=_APPLICATION_FIELDS)]


async def group_principals(graph: GraphClient, app_ids: Iterable[str]) -> dict[str | None, ServicePrincipal]:
    """Return the service principals with these appIds, by appId."""
    conditions = _conditions("appId", app_ids)
    found = await gather(*(find_service_principals(graph.batched, condition) for condition in conditions))
    return {app_id: principal for part in found for app_id, principal in part.items()}


async def find_principals_by_id(graph: GraphClient, ids: Iterable[str]) -> list[ServicePrincipal]:
    """Return the service principals with these object ids, by id."""
    found = await gather(*(find_service_principals(graph.batched, each) for each in _conditions("id", ids)))
    return sorted((each for part in found for each in part.values()), key=lambda each: each.id)


def _conditions(field: str, values: Iterable[str]) -> list[str]:
    literals = sorted(map(text_literal, values))
    return [f"{field} in ({','.join(part)})" for part in batch_ids(literals, _VALUES_PER_FILTER)]


async def find_instances(graph: GraphClient, fleet: Fleet) -> dict[str, list[ObservedInstance]]:
    """Return the applications of a fleet without their jobs, by the key in their current or future tag.

    Those not yet retagged after a rename are found by their previous tag.
    """
    now = {key: each.key for each in fleet.instances for key in each.own_keys}
    instances: dict[str, list[ObservedInstance]] = defaultdict(list)
    for item in await find_applications(graph, fleet.names):
        if item.mark is not None and item.mark.fleet in fleet.names:
            key = now.get(item.mark.key, item.mark.key)
            place = 0 if item.mark.key == key else len(instances[key])
            instances[key].insert(place, item)
    return instances


async def find_service_principals(graph: Resources, condition: str) -> dict[str | None, ServicePrincipal]:
    """Return the service principals that a filter selects, by appId."""
    listing = graph.service_principals.list(filter=condition, select=_SERVICE_PRINCIPAL_FIELDS)
    return {principal.app_id: principal async for principal in listing}


def batch_ids(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield `values` in parts of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def observe_instance(
    application: Application | None, principal: ServicePrincipal | None, app_id: str
) -> ObservedInstance:
    """Return an application and its service principal as one; either may be unknown."""
    # The application first: tags and names reach its service principal later.
    newest = application or principal
    if newest is None:
        raise AssertionError("an instance is an application, a service principal or both")
    return ObservedInstance(
        application_id=application.id if application else None,
        service_principal_id=principal.id if principal else None,
        app_id=app_id,
        display_name=newest.display_name or "",
        service_principal_name=principal.display_name if principal else None,
        template_id=newest.application_template_id or (principal.application_template_id if principal else None),
        tags=tuple(newest.tags or ()),
        marked=application is not None,
        notes=application.notes if application else None,
        service_management_reference=application.service_management_reference if application else None,
        roles=tuple(principal.app_roles) if principal else (),
    )


async def _nothing() -> tuple[Any, ...]:
    return ()


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

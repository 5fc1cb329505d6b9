"""The state of one application: its jobs, its secrets, and what else the fleet file covers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flows.fleet_file.models import Instance
from flows.monitoring.health import UNREADABLE
from flows.monitoring.own_job import choose_job, offered_templates
from flows.tenant.assignments import Assigned, Principal, list_assigned, list_owners
from flows.tenant.cross_tenant import Partnership
from flows.tenant.ownership_tag import OwnershipTag
from flows.tenant.recycle_bin import DeletedApplication
from flows.tenant.schemas import SchemaLanguage, TemplateIds, read_schema
from flows.tenant.single_sign_on import (
    NO_POLICIES,
    NO_SIGN_ON,
    FleetPolicies,
    IdentifierOwner,
    ObservedSignOn,
    read_assigned_policy,
    read_sign_on,
)
from flows.tenant.templates import TemplateProblem
from graph_client import Resources
from graph_client.errors import Forbidden, GraphError, NotFound, Unauthorized
from graph_client.models import ApplicationTemplate, AppRole, SynchronizationJob, SynchronizationTemplate
from graph_client.parallel import gather


@dataclass(frozen=True, eq=False)
class ObservedInstance:
    """An application with its service principal, and the job and secrets of the latter."""

    application_id: str | None
    service_principal_id: str | None
    app_id: str
    display_name: str
    service_principal_name: str | None
    template_id: str | None
    tags: tuple[str, ...]
    marked: bool
    """Whether the application has its tag; without it, it was found by its unique name."""
    notes: str | None = None
    service_management_reference: str | None = None
    roles: tuple[AppRole, ...] = ()
    assigned: frozenset[Assigned] = frozenset()
    """Its assignments; read only for instances with assignments in the file."""
    owners: frozenset[str] = frozenset()
    """Its owners; read only for instances with owners in the file."""
    jobs: tuple[SynchronizationJob, ...] = ()
    secrets: Mapping[str, str] | None = field(default_factory=dict)
    """Values as Graph shows them, the sensitive ones as `*`; None if they may not be read."""
    schema: Mapping[str, Any] | None = None
    """The schema of its job; read only for instances with mappings in the file."""
    synchronization_templates: tuple[SynchronizationTemplate, ...] = ()
    """The synchronization templates; read only if the jobs alone do not show which is ours."""
    sign_on: ObservedSignOn = NO_SIGN_ON
    """Its single sign-on; read only for instances with sso in the file."""
    unreadable: GraphError | None = None
    """Why its jobs could not be read."""

    @property
    def object_ids(self) -> tuple[str | None, str | None]:
        """The ids of application and service principal; None for one that was not found."""
        return self.application_id, self.service_principal_id

    @property
    def mark(self) -> OwnershipTag | None:
        """Its ownership tag, from its tags or from the name it was created under."""
        return OwnershipTag.in_tags(self.tags) or OwnershipTag.in_name(self.display_name)

    @property
    def key(self) -> str | None:
        """The key in its ownership tag."""
        return self.mark.key if self.mark else None

    def job_for(self, synchronization_template: str | None) -> SynchronizationJob | None:
        """Return the job that is ours, of that synchronization template or of the default one if None."""
        return choose_job(self.jobs, synchronization_template, self.synchronization_templates)

    def other_jobs(self, synchronization_template: str | None) -> tuple[str, ...]:
        """Return the ids of the jobs that are not ours."""
        own = self.job_for(synchronization_template)
        return tuple(sorted(job.id for job in self.jobs if job is not own))


@dataclass(frozen=True)
class Observed:
    """The tenant as observed in one pass."""

    instances: Mapping[str, tuple[ObservedInstance, ...]]
    """By key; more than one if there are duplicates."""
    namesakes: Mapping[tuple[str, str], tuple[str, ...]]
    """Ids of applications without our tag, by template id and display name."""
    templates: Mapping[str, ApplicationTemplate]
    """By the name or id that the fleet file uses."""
    problems: Mapping[str, TemplateProblem]
    """Why a name or id in the fleet file does not identify a usable template."""
    principals: Mapping[str, Principal] = field(default_factory=dict)
    """Users and groups that would be assigned, added as owners or removed, by object id."""
    named: Mapping[str, ObservedInstance] = field(default_factory=dict)
    """Untagged applications that the file adopts, by object id."""
    languages: Mapping[TemplateIds, SchemaLanguage] = field(default_factory=dict)
    """Languages of the jobs whose schemas were read."""
    identifier_owners: Mapping[str, tuple[IdentifierOwner, ...]] = field(default_factory=dict)
    """The applications with an identifier that the plan would add."""
    claims: FleetPolicies = NO_POLICIES
    """The claims policies of the fleet."""
    partnerships: Mapping[str, Partnership] = field(default_factory=dict)
    """The policies of both tenants about each other, by the key of each instance with a target."""
    deleted: tuple[DeletedApplication, ...] = ()
    """Applications with the fleet's tag in the recycle bin; read only if an instance is missing."""
    deleted_principals: frozenset[str] = frozenset()
    """The appIds of applications whose service principal alone is in the recycle bin."""

    def owned(self, instance: Instance) -> tuple[ObservedInstance, ...]:
        """Return the applications with the tag of an instance, or with its tag before its key changed.

        If there is none, the one to adopt counts as one.
        """
        # The current key first: a former one may still be on an application of an interrupted rename.
        marked = next((self.instances[key] for key in instance.own_keys if self.instances.get(key)), ())
        named = self.named.get(instance.adopt or "")
        return marked or ((named,) if named else ())


async def read_desired_instance(
    graph: Resources, item: ObservedInstance, wanted: Instance | None, claims: FleetPolicies = NO_POLICIES
) -> ObservedInstance:
    """Return an instance with its jobs, its secrets, and what else the fleet file covers."""
    found = await read_instance(
        graph,
        item,
        with_assignments=bool(wanted and wanted.assignments),
        with_owners=bool(wanted and wanted.owners),
        wanted=wanted,
    )
    return await _with_claims(graph, found, wanted, claims)


async def _with_claims(
    graph: Resources, item: ObservedInstance, wanted: Instance | None, claims: FleetPolicies
) -> ObservedInstance:
    """Return an instance with its claims policy, if the file names one or a policy of the fleet may be on it."""
    if item.service_principal_id is None or item.unreadable or wanted is None or wanted.sso is None:
        return item
    named = wanted.sso.claims is not None
    if claims.unreadable and named:
        return replace(item, unreadable=claims.unreadable)
    if not claims.policies and not named:
        return item
    try:
        policy = await read_assigned_policy(graph, item.service_principal_id)
    except NotFound:
        return item
    except UNREADABLE as error:
        return replace(item, unreadable=error) if named else item
    return replace(item, sign_on=replace(item.sign_on, claims=policy))


async def read_instance(
    graph: Resources,
    item: ObservedInstance,
    *,
    with_assignments: bool = True,
    with_owners: bool = True,
    wanted: Instance | None = None,
) -> ObservedInstance:
    """Return an instance with its jobs and secrets, and if asked for who is assigned and who owns it.

    A failed read is an error of this instance only.

    Args:
        graph: A signed-in client.
        item: The instance.
        with_assignments: Whether to read the assignments.
        with_owners: Whether to read the owners.
        wanted: The instance in the fleet file, if it is there.
    """
    if item.service_principal_id is None:
        return item
    try:
        return await _read(graph, item, wanted, with_assignments=with_assignments, with_owners=with_owners)
    except NotFound:
        # Just created and not replicated yet, or deleted since the listing: the steps will find out which.
        return item
    except UNREADABLE as error:
        return replace(item, unreadable=error)


async def _read(
    graph: Resources, item: ObservedInstance, wanted: Instance | None, *, with_assignments: bool, with_owners: bool
) -> ObservedInstance:
    principal_id, application_id = item.service_principal_id or "", item.application_id
    jobs, secrets, assignees, owned_by, sign_on = await gather(
        graph.synchronization.jobs(principal_id),
        _secrets(graph, principal_id),
        list_assigned(graph, principal_id) if with_assignments else _nothing_read(),
        list_owners(graph, application_id) if with_owners and application_id else _nothing_read(),
        read_sign_on(graph, application_id, principal_id) if wanted and wanted.sso and application_id else _nothing(),
    )
    template = wanted.synchronization_template if wanted else None
    templates = await offered_templates(graph, principal_id, jobs, template)
    found = replace(
        item,
        jobs=tuple(jobs),
        secrets=secrets,
        assigned=assignees,
        owners=owned_by,
        sign_on=sign_on,
        synchronization_templates=templates,
    )
    job = found.job_for(template) if wanted and wanted.mappings else None
    return found if job is None else replace(found, schema=await read_schema(graph, principal_id, job))


async def _nothing_read() -> frozenset[Any]:
    return frozenset()


async def _nothing() -> ObservedSignOn:
    return NO_SIGN_ON


async def _secrets(graph: Resources, service_principal_id: str) -> dict[str, str] | None:
    try:
        return await graph.synchronization.secrets(service_principal_id)
    except (Unauthorized, Forbidden):
        # Reading them needs the permission to write them, which a read-only identity lacks.
        return None

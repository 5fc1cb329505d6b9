"""What an on-demand request names: the users and groups, and the jobs and rules for them."""

import asyncio
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from flows.errors import StepFailed
from flows.fleet_file.models import Fleet, Instance
from flows.monitoring.health import assess_job
from flows.monitoring.own_job import find_own_job
from flows.plan.diff import select_instances
from flows.tenant.instance_state import ObservedInstance
from flows.tenant.observe import find_instances, format_two_applications
from graph_client import GraphClient, Resources
from graph_client.errors import Forbidden, NotFound, Unauthorized
from graph_client.models import Member, SynchronizationJob, SynchronizationRule, User
from graph_client.parallel import gather

Kind = Literal["User", "Group"]

MEMBERS_MAX = 5
"""Members of a group that Graph provisions on demand."""

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FIELDS = ("id", "displayName", "userPrincipalName", "accountEnabled")
_NAMESAKES_SHOWN = 5
_FIND_SUBJECT = "find-subject"


@dataclass(frozen=True)
class Subject:
    """A user, or a group with its members."""

    id: str
    kind: Kind
    name: str | None = None
    user_principal_name: str | None = None
    member_ids: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What a person calls it."""
        return self.name or self.user_principal_name or self.id


async def find_user(graph: GraphClient, text: str) -> Subject:
    """Return the user that an object id, a user principal name or a display name means.

    Raises:
        StepFailed: No user matches, or more than one does.
        GraphError: The directory cannot be read.

    Source: https://learn.microsoft.com/graph/api/user-get
    """
    text = text.strip()
    # Every user principal name has an "@", and display names hardly ever do.
    if not (_GUID.fullmatch(text) or "@" in text):
        return await _named(graph, text)
    try:
        return _subject(await graph.users.get(text, select=_FIELDS))
    except NotFound:
        raise _unknown("user", text) from None
    except (Forbidden, Unauthorized):
        if "@" in text:
            raise
        # Provisioning by id needs no permission to read the user.
        return Subject(text.lower(), "User")


async def find_group(graph: GraphClient, group_id: str) -> Subject:
    """Return a group with its members.

    Raises:
        StepFailed: There is no such group, it has too many members, or one that is no user.
        GraphError: The directory cannot be read.

    Source: https://learn.microsoft.com/graph/api/group-list-members
    """
    group_id = group_id.strip()
    if not _GUID.fullmatch(group_id):
        raise _unknown("group", group_id)
    members: list[Member] = []
    try:
        group = await graph.groups.get(group_id, select=("id", "displayName"))
        # One more than is allowed: enough to know that there are too many.
        async for member in graph.groups.members(group_id, top=MEMBERS_MAX + 1):
            members.append(member)
            if len(members) > MEMBERS_MAX:
                raise _too_large(group.display_name or group_id)
    except NotFound:
        raise _unknown("group", group_id) from None
    if others := [each.display_name or each.id for each in members if not each.is_user]:
        raise StepFailed(
            "GroupNested",
            f"The group {group.display_name or group_id} has members that are not users: {', '.join(others)}.",
            "Nested groups are never provisioned: name a group of users, or the users themselves.",
            step=_FIND_SUBJECT,
        )
    return Subject(group.id, "Group", group.display_name, member_ids=tuple(each.id for each in members))


async def _named(graph: GraphClient, name: str) -> Subject:
    if not name:
        raise _unknown("user", name)
    found: list[User] = []
    async for user in graph.users.named(name, select=_FIELDS, top=_NAMESAKES_SHOWN + 1):
        found.append(user)
        if len(found) > _NAMESAKES_SHOWN:
            break
    if not found:
        raise _unknown("user", name)
    if len(found) > 1:
        shown = ", ".join(each.user_principal_name or each.id for each in found[:_NAMESAKES_SHOWN])
        more = " …" if len(found) > _NAMESAKES_SHOWN else ""
        raise StepFailed(
            "UserAmbiguous",
            f"Several users have the name {name}: {shown}{more}.",
            "Name one by user principal name or object id.",
            step=_FIND_SUBJECT,
        )
    return _subject(found[0])


def _subject(user: User) -> Subject:
    return Subject(user.id, "User", user.display_name, user.user_principal_name)


def _unknown(kind: Literal["user", "group"], text: str) -> StepFailed:
    if kind == "group":
        hint = "Give the object id of a group; the Entra admin center shows it."
        return StepFailed("GroupNotFound", f"The tenant has no group {text!r}.", hint, step=_FIND_SUBJECT)
    hint = "Give an object id, a user principal name, or a full display name."
    return StepFailed("UserNotFound", f"The tenant has no user {text!r}.", hint, step=_FIND_SUBJECT)


def _too_large(name: str) -> StepFailed:
    return StepFailed(
        "GroupTooLarge",
        f"The group {name} has more than {MEMBERS_MAX} members, the limit for on-demand provisioning.",
        "Try a smaller group, or single users with --user.",
        step=_FIND_SUBJECT,
    )


_FIND_JOB = "find-job"


@dataclass(frozen=True)
class OnDemandTarget:
    """The job of an instance, and its rules for users and for groups."""

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
            step=_FIND_JOB,
        )


async def find_targets(graph: GraphClient, fleet: Fleet, only: Collection[str]) -> list[OnDemandTarget]:
    """Return the jobs of some instances.

    Raises:
        UnknownKey: A key is not in the fleet file.
        StepFailed: An instance has no job, or one that cannot provision on demand in its state.
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


async def _place(graph: Resources, instance: Instance, owned: list[ObservedInstance]) -> OnDemandTarget:
    key = instance.key
    if len(owned) > 1:
        raise format_two_applications(key, [each.application_id or each.app_id for each in owned])
    principal_id = owned[0].service_principal_id if owned else None
    if principal_id is None:
        raise StepFailed(
            "NotCreated", f"No application has the ownership tag of {key}.", "Apply first.", step=_FIND_JOB
        )
    job = (await find_own_job(graph, principal_id, instance.synchronization_template)).job
    if job is None:
        raise StepFailed("JobMissing", f"{key} has no provisioning job.", "Apply first.", step=_FIND_JOB)
    rules, secrets = await gather(graph.synchronization.rules(principal_id, job.id), _secret_names(graph, principal_id))
    # Microsoft's page: for connectors with OAuth, the job has to be stopped first.
    if any(name.lower().startswith("oauth2") for name in secrets) and _runs(job):
        raise StepFailed(
            "PauseFirst",
            f"{key} signs in to its target with OAuth, which does not allow on-demand provisioning while the job runs.",
            f"entra-fleet jobs pause FLEET --only {key}, then try, then run: entra-fleet jobs start FLEET --only {key}",
            step=_FIND_JOB,
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

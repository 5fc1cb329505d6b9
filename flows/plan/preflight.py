"""Whether a fleet file could be applied, as far as read-only checks can tell."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flows.base_error import EntraFleetError
from flows.credentials.references import Reference, ReferenceUnresolved, Source, resolve
from flows.documents.errors import FleetFileError
from flows.errors import StepFailed
from flows.fleet_file.models import Instance
from flows.plan.job_settings import check_size
from flows.tenant.principals import find_principals
from flows.tenant.templates import find_templates
from graph_client import GraphClient
from graph_client.errors import GraphError
from graph_client.parallel import gather

_AT_ONCE = 10
"""References read in parallel; a vault throttles more."""

_QUOTA = 250
_OBJECTS_EACH = 2


@dataclass(frozen=True)
class Check:
    """One check; a hint on a passed one is a warning."""

    check: str
    ok: bool
    message: str
    hint: str = ""

    @classmethod
    def failed(cls, check: str, error: Exception) -> "Check":
        """Return a failed check from an error."""
        if isinstance(error, EntraFleetError):
            return cls(check, False, " ".join(error.message.splitlines()), error.hint)
        # The last line of an error of Graph is its hint.
        *what, advice = str(error).splitlines() or [type(error).__name__]
        return cls(check, False, " ".join(what), advice) if what else cls(check, False, advice)


@dataclass(frozen=True)
class Preflight:
    """All checks of a fleet file; the fleet's name is None if the file could not be read."""

    fleet: str | None
    checks: Sequence[Check]

    @property
    def failed(self) -> int:
        """Number of failed checks."""
        return sum(not check.ok for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Return what `check --output json` prints."""
        return {"fleet": self.fleet, "ok": not self.failed, "checks": [asdict(check) for check in self.checks]}


def check_file(error: FleetFileError) -> list[Check]:
    """Return the problems in a fleet file, one check each."""
    where = ((str(problem.place), problem) for problem in error.problems)
    return [
        Check("fleet-file", False, f"{place}: {problem.what}" if place else problem.what, problem.advice)
        for place, problem in where
    ]


async def check_references(instances: Iterable[Instance], sources: Mapping[str, Source]) -> list[Check]:
    """Resolve every reference, each once, and discard the values."""
    uses: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for instance in instances:
        for key, text in instance.credentials.items():
            if Reference.parse(text):
                uses[text].append((instance.key, key))
    gate = asyncio.Semaphore(_AT_ONCE)

    async def problem_of(text: str, users: Sequence[tuple[str, str]]) -> Check | None:
        (instance, key), *others = users
        try:
            async with gate:
                await resolve(text, sources, instance=instance, key=key)
        except ReferenceUnresolved as error:
            more = f" (and {len(others)} more)" if others else ""
            return Check("reference", False, f"{error.message}{more}", error.hint)
        return None

    found = await gather(*(problem_of(text, users) for text, users in uses.items()))
    problems = [check for check in found if check]
    readable = len(uses) - len(problems)
    good = [Check("reference", True, f"{readable} of {len(uses)} readable")] if readable or not uses else []
    return good + problems


async def check_sizes(
    instances: Iterable[Instance], sources: Mapping[str, Source], bytes_max: int | None
) -> list[Check]:
    """Return the instances whose credentials exceed the cloud's limit; unreadable ones are reported elsewhere."""
    if bytes_max is None:
        return []
    gate = asyncio.Semaphore(_AT_ONCE)

    async def problem_of(instance: Instance) -> Check | None:
        try:
            async with gate:
                values = {
                    key: await resolve(text, sources, instance=instance.key, key=key)
                    for key, text in instance.credentials.items()
                }
            check_size(instance, values, bytes_max)
        except ReferenceUnresolved:
            return None
        except StepFailed as error:
            return Check("reference", False, error.message, error.hint)
        return None

    return [check for check in await asyncio.gather(*map(problem_of, instances)) if check]


async def check_templates(graph: GraphClient, instances: Iterable[Instance]) -> list[Check]:
    """Look up every application template in the gallery.

    Source: https://learn.microsoft.com/graph/api/applicationtemplate-list
    """
    try:
        templates, problems = await find_templates(graph, {instance.template for instance in instances})
    except GraphError as error:
        return [Check.failed("template", error)]
    good = [Check("template", True, name) for name in templates]
    return good + [Check("template", False, each.message, each.hint) for each in problems.values()]


async def check_principals(graph: GraphClient, instances: Iterable[Instance]) -> list[Check]:
    """Look up every group, user and owner in the fleet file.

    Source: https://learn.microsoft.com/graph/api/user-get, https://learn.microsoft.com/graph/api/group-get
    """
    instances = tuple(instances)
    named = [each for instance in instances for each in instance.assignments]
    owners = [owner for instance in instances for owner in instance.owners]
    if not named and not owners:
        return []
    try:
        found = await find_principals(graph, named, (), owners)
    except GraphError as error:
        return [Check.failed("principal", error)]
    kinds = dict.fromkeys(owners, "user or service principal")
    kinds |= {each.principal_id: "group" if each.group else "user" for each in named}
    hint = "Correct assignments or owners: they take object ids, under group or user according to the kind."
    problems = [
        Check("principal", False, f"the tenant has no {kinds[each]} {each}", hint)
        for each, principal in found.items()
        if principal.exists is False
    ]
    known = sum(principal.exists is True for principal in found.values())
    unread = len(found) - known - len(problems)
    untold = f"this caller may not read {unread} of them; apply will find a wrong id among those" if unread else ""
    return [Check("principal", True, f"{known} of {len(found)} found", untold), *problems]


_CODE_GRANT_KEYS = ("Oauth2AuthorizationCode", "Oauth2RefreshToken")


def check_code_grants(instances: Iterable[Instance]) -> list[Check]:
    """Warn of credentials that came from an OAuth code grant, which Microsoft retires for SCIM connectors.

    Source: https://learn.microsoft.com/entra/fundamentals/whats-new
    """
    found = [each.key for each in instances if any(key in each.credentials for key in _CODE_GRANT_KEYS)]
    if not found:
        return []
    named = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    hint = (
        "Jobs do not move by themselves: issue a long-lived token in the target system, give it as SecretToken in "
        "place of these keys, and run entra-fleet rotate. https://learn.microsoft.com/entra/fundamentals/whats-new"
    )
    return [Check("code-grant", True, f"{named}: Microsoft retires the OAuth code grant of SCIM connectors", hint)]


def check_quota(count: int) -> list[Check]:
    """Warn of the directory quota where a fleet of `count` instances might exceed it.

    Source: https://learn.microsoft.com/entra/identity/users/directory-service-limits-restrictions
    """
    objects = count * _OBJECTS_EACH
    if objects <= _QUOTA:
        return []
    hint = (
        f"Microsoft Entra may limit an application to {_QUOTA}, including those deleted in the last 30 days: "
        "use an application with a directory role, or split the fleet over several."
    )
    return [Check("quota", True, f"{count} instances are {objects} directory objects", hint)]

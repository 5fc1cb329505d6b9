"""Whether a fleet file could be applied, as far as read-only checks can show: references, templates, permissions."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flows.base_error import EntraFleetError
from flows.credentials.references import Reference, ReferenceUnresolved, Source, resolve
from flows.documents.errors import FleetFileError
from flows.errors import StepFailed
from flows.fleet_file.models import Instance
from flows.plan.job_settings import check_size
from flows.plan.plan import DESCRIPTION, SHARED_CLAIMS, Plan
from flows.plan.safety import PlanRefused
from flows.tenant.assignments import find_principals
from flows.tenant.templates import find_templates
from graph_client import GraphClient, TokenClaims
from graph_client.errors import GraphError
from graph_client.hints import missing
from graph_client.parallel import gather

_AT_ONCE = 10
"""References read in parallel; a vault throttles more."""

# Objects that an application may own, by a Microsoft reply in MicrosoftDocs/azure-docs#63468.
_QUOTA = 250
# Application and service principal.
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
        # Checks are lines of a table, so the text must be one line.
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
            # A reference that a whole fleet shares is one problem, not one for each instance.
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
        # None: this caller may not read it, which says nothing about the id.
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
        "Jobs are not migrated automatically: issue a long-lived token in the target system, give it as SecretToken in "
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


_OWNED_BY = "Application.ReadWrite.OwnedBy"
_MARK = ("PATCH", "/applications/id")
_JOBS = "/servicePrincipals/id/synchronization/jobs"
_ASSIGNED = "/servicePrincipals/id/appRoleAssignedTo"


@dataclass(frozen=True)
class Need:
    """An action of the commands, and the Graph calls it needs."""

    purpose: str
    commands: str
    calls: tuple[tuple[str, str], ...]

    def lacks(self, roles: Collection[str]) -> tuple[str, ...]:
        """Return the permissions to grant to a token with these roles."""
        found = (name for method, path in self.calls for name in missing(method, path, roles))
        return tuple(dict.fromkeys(found))


_LOG = Need("read the provisioning log", "harvest", (("GET", "/auditLogs/provisioning"),))
READING = (
    Need("find the applications", "plan, monitor, harvest", (("GET", "/applications"), ("GET", "/servicePrincipals"))),
    Need("read provisioning jobs", "plan, monitor", (("GET", _JOBS),)),
    _LOG,
)
_CREATING = Need(
    "create and tag applications",
    "apply",
    (("POST", "/applicationTemplates/id/instantiate"), _MARK),
)
_RUNNING = Need(
    "save credentials and run jobs",
    "apply",
    (("POST", f"{_JOBS}/validateCredentials"), ("PUT", "/servicePrincipals/id/synchronization/secrets")),
)
_ASSIGNING = Need("assign users and groups", "apply", (("POST", _ASSIGNED),))
_READING_CLAIMS = Need(
    "read claims policies",
    "plan",
    (("GET", "/policies/claimsMappingPolicies"), ("GET", "/servicePrincipals/id/claimsMappingPolicies")),
)
_CLAIMING = Need(
    "set claims policies",
    "apply",
    (("POST", "/policies/claimsMappingPolicies"), ("POST", "/servicePrincipals/id/claimsMappingPolicies/$ref")),
)
_PARTNERS = "/policies/crossTenantAccessPolicy/partners/id"
_READING_PARTNERS = Need("read the policies about target tenants", "plan", (("GET", _PARTNERS),))
_PARTNERING = Need("set the policies about target tenants", "apply", (("PATCH", _PARTNERS),))
_OWNING = Need("add owners", "apply", (("POST", "/applications/id/owners/$ref"),))

EVERYTHING = (*READING, _CREATING, _RUNNING, _ASSIGNING, _OWNING)


def find_needed_permissions(instances: Collection[Instance], *, reading_only: bool = False) -> tuple[Need, ...]:
    """Return what these instances need: always the reader's part, and the writer's as far as their file uses it."""
    claims = any(instance.sso and instance.sso.claims for instance in instances)
    targets = [instance.cross_tenant for instance in instances if instance.cross_tenant]
    reading = (*READING, *((_READING_PARTNERS,) if targets else ()))
    if reading_only:
        return (*reading, *((_READING_CLAIMS,) if claims else ()))
    # Users and groups are allowed by the target alone.
    partnering = (_PARTNERING,) if any(each.redeem for each in targets) else ()
    assigning = (_ASSIGNING,) if any(instance.assignments for instance in instances) else ()
    owning = (_OWNING,) if any(instance.owners for instance in instances) else ()
    claiming = (_CLAIMING,) if claims else ()
    return (*reading, _CREATING, _RUNNING, *assigning, *owning, *claiming, *partnering)


def needs_of_plan(plan: Plan) -> tuple[Need, ...]:
    """Return exactly what a plan needs."""
    areas = {change.field.partition(".")[0] for each in plan.instances for change in each.changes}
    claims = any(each.touches_field("sso.claims", *SHARED_CLAIMS) for each in plan.instances)
    marking = Need("tag applications", "apply", (_MARK,))
    wanted = {
        _CREATING: {"application"},
        # Creating includes tagging, so it is asked for alone only if nothing is created.
        marking: set() if "application" in areas else set(DESCRIPTION),
        _RUNNING: {"credentials", "job", "job_state", "mappings"},
        _ASSIGNING: {"assignments"},
        _OWNING: {"owners"},
        _PARTNERING: {"source"},
    }
    return (*(need for need, fields in wanted.items() if fields & areas), *((_CLAIMING,) if claims else ()))


def missing_permissions(plan: Plan, claims: TokenClaims) -> "PermissionsMissing | None":
    """Return why this caller cannot apply a plan, as far as its token shows.

    Source: https://learn.microsoft.com/graph/permissions-reference
    """
    if claims.app_id is None:
        return None
    lacking = {name: need.purpose for need in needs_of_plan(plan) for name in need.lacks(claims.roles)}
    return PermissionsMissing(lacking) if lacking else None


class PermissionsMissing(PlanRefused):
    """The token shows that Graph would refuse the planned changes."""

    def __init__(self, lacking: Mapping[str, str]) -> None:
        named = ", ".join(f"{name} (to {purpose})" for name, purpose in lacking.items())
        # Cause: The token shows that a permission is missing; only those that the plan needs are checked.
        super().__init__(
            f"The signed-in application lacks permissions for this plan: {named}.",
            "Nothing was written. Grant them as application permissions of Microsoft Graph, with admin consent.",
        )
        self.lacking = tuple(lacking)


def permissions_known(claims: TokenClaims) -> bool:
    """Return whether a token shows its permissions, and none limited to what the caller owns."""
    # OwnedBy depends on each service principal's owners, which the token does not name.
    return claims.app_id is not None and not _RUNNING.lacks(set(claims.roles) - {_OWNED_BY})


def check_permissions(needs: Sequence[Need], claims: TokenClaims) -> list[Check]:
    """Compare the needed permissions with the roles in the token.

    Source: https://learn.microsoft.com/graph/permissions-reference
    """
    if claims.app_id is None:
        hint = "No permission is known to be missing; Graph will decide."
        return [Check("permission", True, "the token does not show its permissions", hint)]
    return [_check(need, claims.roles) for need in needs]


async def check_log(graph: GraphClient, claims: TokenClaims) -> list[Check]:
    """Read one event: the log also needs a licence, which no token shows.

    Source: https://learn.microsoft.com/graph/api/provisioningobjectsummary-list
    """
    # Reported as a missing permission already.
    if claims.app_id is not None and _LOG.lacks(claims.roles):
        return []
    try:
        async for _ in graph.provisioning_logs.pages(top=1):  # the token may have the role, and the tenant no licence
            break
    except GraphError as error:
        return [Check.failed("log", error)]
    return [Check("log", True, "the provisioning log is readable")]


def _check(need: Need, roles: Collection[str]) -> Check:
    what = f"{need.purpose} ({need.commands})"
    if lacking := need.lacks(roles):
        several = len(lacking) > 1
        hint = f"Grant {'these application permissions' if several else 'this application permission'}"
        licence = "; reading the log also needs Entra ID P1 or P2" if need is _LOG else ""
        verb = "are" if several else "is"
        return Check(
            "permission",
            False,
            f"{what}: {' and '.join(lacking)} {verb} missing",
            f"{hint} of Microsoft Graph with admin consent{licence}.",
        )
    if need.lacks(set(roles) - {_OWNED_BY}):
        hint = f"{_OWNED_BY} is enough only for service principals that the signed-in application owns."
        return Check("permission", True, what, hint)
    return Check("permission", True, what)

"""Which application permissions a fleet file needs, and for what."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from flows.fleet_file.models import Instance
from flows.plan.plan import DESCRIPTION, Plan
from flows.plan.preflight import Check
from flows.plan.safety import PlanRefused
from graph_client import GraphClient, TokenClaims
from graph_client.errors import GraphError
from graph_client.hints import missing

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
_OWNING = Need("add owners", "apply", (("POST", "/applications/id/owners/$ref"),))

EVERYTHING = (*READING, _CREATING, _RUNNING, _ASSIGNING, _OWNING)


def find_needed_permissions(instances: Collection[Instance], *, reading_only: bool = False) -> tuple[Need, ...]:
    """Return what these instances need: always the reader's part, and the writer's as far as their file uses it."""
    if reading_only:
        return READING
    assigning = (_ASSIGNING,) if any(instance.assignments for instance in instances) else ()
    owning = (_OWNING,) if any(instance.owners for instance in instances) else ()
    return (*READING, _CREATING, _RUNNING, *assigning, *owning)


def needs_of_plan(plan: Plan) -> tuple[Need, ...]:
    """Return exactly what a plan needs."""
    areas = {change.field.partition(".")[0] for each in plan.instances for change in each.changes}
    marking = Need("tag applications", "apply", (_MARK,))
    wanted = {
        _CREATING: {"application"},
        marking: set() if "application" in areas else set(DESCRIPTION),
        _RUNNING: {"credentials", "job", "job_state", "mappings"},
        _ASSIGNING: {"assignments"},
        _OWNING: {"owners"},
    }
    return tuple(need for need, fields in wanted.items() if fields & areas)


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
    if claims.app_id is not None and _LOG.lacks(claims.roles):
        return []
    try:
        async for _ in graph.provisioning_logs.pages(top=1):
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

"""Which application permissions allow which request: one of each group must be held.

https://learn.microsoft.com/graph/permissions-reference
"""

from graph_emulator.sign_in.tokens import Caller
from graph_emulator.wire.problems import forbidden, forbidden_synchronization

Permission = tuple[frozenset[str], ...]


def _any_of(*names: str) -> frozenset[str]:
    return frozenset(names)


_READ = _any_of(
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)

ANY_TOKEN: Permission = ()
READ_APPLICATIONS: Permission = (_READ,)
WRITE_APPLICATIONS: Permission = (_any_of("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"),)
WRITE_PRINCIPALS: Permission = (
    _any_of("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All"),
)
INSTANTIATE: Permission = WRITE_PRINCIPALS
ASSIGN: Permission = (_any_of("AppRoleAssignment.ReadWrite.All"), _READ)
ADD_OWNER: Permission = (*WRITE_PRINCIPALS, _any_of("Directory.Read.All", "Directory.ReadWrite.All"))
READ_DELETED: Permission = (_READ,)
READ_SYNCHRONIZATION: Permission = (
    _any_of("Application.ReadWrite.OwnedBy", "Synchronization.Read.All", "Synchronization.ReadWrite.All"),
)
WRITE_SYNCHRONIZATION: Permission = (_any_of("Application.ReadWrite.OwnedBy", "Synchronization.ReadWrite.All"),)
# The only ones that no other permission replaces.
ALL_SYNCHRONIZATION: Permission = (_any_of("Synchronization.ReadWrite.All"),)
PATCH_JOB = ALL_SYNCHRONIZATION
DISCOVER: Permission = (_any_of("Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All"),)
READ_LOGS: Permission = (_any_of("ProvisioningLog.Read.All", "AuditLog.Read.All", "Directory.Read.All"),)
READ_USERS: Permission = (_any_of("User.Read.All", "User.ReadBasic.All", "Directory.Read.All"),)
READ_GROUPS: Permission = (_any_of("Group.Read.All", "GroupMember.Read.All", "Directory.Read.All"),)


def check(caller: Caller, permission: Permission, *, synchronization: bool) -> bool:
    """Let a caller pass or refuse.

    Returns:
        Whether the caller may only touch what it owns.

    Raises:
        GraphProblem: 403, or on synchronization paths the 401 that reads like a broken token.
    """
    owned_only = False
    for group in permission:
        held = group & caller.roles
        if not held:
            raise forbidden_synchronization() if synchronization else forbidden()
        owned_only = owned_only or all(name.endswith(".OwnedBy") for name in held)
    return owned_only

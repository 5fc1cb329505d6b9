"""The schema of a job: its two directories, and the mappings of their attributes.

https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationschema
"""

from typing import Any

from graph_emulator.clock import guid
from graph_emulator.directory.gallery import CROSS_TENANT_SYNC, Template

SOURCE = "Azure Active Directory"
USER_FLOWS = (
    ("userPrincipalName", "userName", 1),
    ("displayName", "displayName", 0),
    ("givenName", "name.givenName", 0),
    ("surname", "name.familyName", 0),
    ("mail", 'emails[type eq "work"].value', 0),
    ("jobTitle", "title", 0),
    ("objectId", "externalId", 0),
)
GROUP_FLOWS = (("displayName", "displayName", 1), ("objectId", "externalId", 0), ("members", "members", 0))
# In addition to the mapped ones; a type other than String follows a colon.
USER_ATTRIBUTES = """accountEnabled:Boolean city companyName country department employeeHireDate:DateTime employeeId
    extensionAttribute1 IsSoftDeleted:Boolean mailNickname manager:Reference officeLocation preferredLanguage
    usageLocation userType"""
TARGET_ATTRIBUTES = """active:Boolean nickName preferredLanguage timezone userType roles
    urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department
    urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"""
SCIM_USER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
SCIM_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


def build_schema(template: Template, name: str) -> dict[str, Any]:
    """The default schema of a synchronization template."""
    # Names as on record: entra-docs cross-tenant-synchronization-configure-graph.
    across = name == CROSS_TENANT_SYNC
    target = f"{SOURCE} (target tenant)" if across else template.display_name
    return {
        "id": name,
        "version": "v1.0",
        "directories": [
            _directory(
                SOURCE,
                {
                    "User": [*(s for s, _, _ in USER_FLOWS), *USER_ATTRIBUTES.split()],
                    "Group": [s for s, _, _ in GROUP_FLOWS],
                },
            ),
            _directory(
                target,
                {
                    SCIM_USER: [*(t for _, t, _ in USER_FLOWS), *TARGET_ATTRIBUTES.split()],
                    SCIM_GROUP: [t for _, t, _ in GROUP_FLOWS],
                },
            ),
        ],
        "synchronizationRules": [
            {
                "id": guid("rule", template.id, name),
                "name": "USER_INBOUND_USER" if across else f"USER_OUTBOUND_{name.upper()}",
                **_rule(target),
            }
        ],
    }


def _rule(target: str) -> dict[str, Any]:
    return {
        "containerFilter": None,
        "editable": True,
        "groupFilter": None,
        "metadata": [],
        "objectMappings": [
            _mapping("Provision Microsoft Entra ID Users", "User", SCIM_USER, USER_FLOWS),
            _mapping("Provision Microsoft Entra ID Groups", "Group", SCIM_GROUP, GROUP_FLOWS),
        ],
        "priority": 1,
        "sourceDirectoryName": SOURCE,
        "targetDirectoryName": target,
    }


def _directory(name: str, objects: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "id": guid("directory", name),
        "name": name,
        "discoverabilities": "None",
        "discoveryDateTime": None,
        "readOnly": False,
        "version": "1",
        "objects": [
            {
                "name": kind,
                "supportedApis": [],
                "metadata": [],
                "attributes": [_attribute(attribute, anchor=n == 0) for n, attribute in enumerate(attributes)],
            }
            for kind, attributes in objects.items()
        ],
    }


def _attribute(described: str, *, anchor: bool) -> dict[str, Any]:
    name, _, kind = described.rpartition(":")
    if kind not in ("Boolean", "DateTime", "Reference"):
        name, kind = described, "Reference" if described == "members" else "String"
    return {
        "anchor": anchor,
        "apiExpressions": [],
        "caseExact": False,
        "defaultValue": None,
        "flowNullValues": False,
        "metadata": [],
        "multivalued": name == "members",
        "mutability": "ReadWrite",
        "name": name,
        "referencedObjects": [],
        "required": anchor,
        "type": kind,
    }


def in_form(schema: dict[str, Any], form: str) -> dict[str, Any]:
    """A schema as Graph may return it: as written, without nulls, or with its lists in another order."""
    if form == "without nulls":
        return {name: _without_nulls(value) for name, value in schema.items() if value is not None}
    return {name: _reordered(value) for name, value in schema.items()} if form == "reordered" else schema


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each not in (None, [], "")}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _reordered(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {inner: _reordered(each, inner) for inner, each in reversed(value.items())}  # JSON gives no order
    if isinstance(value, list):
        # The order of parameters and values is significant.
        return [_reordered(each) for each in (value if name in ("parameters", "values") else reversed(value))]
    # 1 and 1.0 are the same number in JSON: a client must not take the difference for a change.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _mapping(name: str, source: str, target: str, flows: tuple[tuple[str, str, int], ...]) -> dict[str, Any]:
    return {
        "attributeMappings": [_flow(*flow) for flow in flows],
        "enabled": True,
        "flowTypes": "Add, Update, Delete",  # flags in one string
        "metadata": [],
        "name": name,
        "scope": {"categoryFilterGroups": [], "groups": [], "inputFilterGroups": []},
        "sourceObjectName": source,
        "targetObjectName": target,
    }


def _flow(source: str, target: str, priority: int) -> dict[str, Any]:
    return {
        "defaultValue": None,
        "exportMissingReferences": False,
        "flowBehavior": "FlowWhenChanged",
        "flowType": "Always",
        "matchingPriority": priority,
        "source": {"expression": f"[{source}]", "name": source, "parameters": [], "type": "Attribute"},
        "targetAttributeName": target,
    }

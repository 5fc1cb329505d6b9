"""The schema of a job: the two directories, and how attributes of one flow into the other.

https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationschema
"""

from typing import Any

from graph_emulator.gallery import Template
from graph_emulator.identifiers import guid

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
SCIM_USER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
SCIM_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


def build_schema(template: Template, name: str) -> dict[str, Any]:
    """The default schema of a synchronization template."""
    target = template.display_name
    return {
        "id": name,
        "version": "v1.0",
        "directories": [
            _directory(SOURCE, {"User": [s for s, _, _ in USER_FLOWS], "Group": [s for s, _, _ in GROUP_FLOWS]}),
            _directory(target, {SCIM_USER: [t for _, t, _ in USER_FLOWS], SCIM_GROUP: [t for _, t, _ in GROUP_FLOWS]}),
        ],
        "synchronizationRules": [
            {
                "id": guid("rule", template.id, name),
                "name": f"USER_OUTBOUND_{name.upper()}",
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
        ],
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


def _attribute(name: str, *, anchor: bool) -> dict[str, Any]:
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
        "type": "Reference" if name == "members" else "String",
    }


def _mapping(name: str, source: str, target: str, flows: tuple[tuple[str, str, int], ...]) -> dict[str, Any]:
    return {
        "attributeMappings": [_flow(*flow) for flow in flows],
        "enabled": True,
        "flowTypes": "Add, Update, Delete",
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

"""The schema of a job: its two directories, the mappings of their attributes, and the expressions in them.

https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationschema
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


LONGEST = 10_000  # documented as a known issue
DEEPEST = 40  # far below Python's own limit
TOKEN = re.compile(
    r"\s*(?:(?P<text>\"(?:[^\"\\]|\\.)*\")|\[(?P<attribute>[^\]\[]+)\]"
    r"|(?P<name>[A-Za-z]\w*)|(?P<number>-?\d+)|(?P<mark>[(),]))"
)

# name -> parameters as (name, type, required, may be repeated)
FUNCTIONS: dict[str, tuple[tuple[str, str, bool, bool], ...]] = {
    "Append": (("source", "String", True, False), ("suffix", "String", True, False)),
    "AppRoleAssignmentsComplex": (("appRoleAssignments", "String", True, False),),
    "BitAnd": (("value1", "Integer", True, False), ("value2", "Integer", True, False)),
    "Coalesce": (("source", "String", True, True),),
    "ConvertToBase64": (("source", "String", True, False),),
    "Count": (("attribute", "String", True, False),),
    "IIF": (
        ("condition", "Boolean", True, False),
        ("valueIfTrue", "String", True, False),
        ("valueIfFalse", "String", True, False),
    ),
    "IsPresent": (("expression", "String", True, False),),
    "Item": (("attribute", "String", True, False), ("index", "Integer", True, False)),
    "Join": (("separator", "String", True, False), ("source", "String", True, True)),
    "Left": (("source", "String", True, False), ("count", "Integer", True, False)),
    "Mid": (("source", "String", True, False), ("start", "Integer", True, False), ("length", "Integer", True, False)),
    "NormalizeDiacritics": (("source", "String", True, False),),
    "Not": (("source", "Boolean", True, False),),
    "Replace": (
        ("source", "String", True, False),
        ("find", "String", False, False),
        ("regexPattern", "String", False, False),
        ("regexGroupName", "String", False, False),
        ("replacementValue", "String", False, False),
    ),
    "SelectUniqueValue": (("uniqueValueRule", "String", True, True),),
    "SingleAppRoleAssignment": (("appRoleAssignments", "String", True, False),),
    "StripSpaces": (("source", "String", True, False),),
    "Switch": (
        ("source", "String", True, False),
        ("defaultValue", "String", True, False),
        ("keyAndValue", "String", True, True),
    ),
    "ToLower": (("source", "String", True, False), ("culture", "String", False, False)),
    "ToUpper": (("source", "String", True, False), ("culture", "String", False, False)),
    "Trim": (("source", "String", True, False),),
}
EVALUATE: Mapping[str, Callable[..., str]] = {
    "Append": lambda source, suffix: source + suffix,
    "Coalesce": lambda *sources: next((source for source in sources if source), ""),
    "Join": lambda separator, *sources: separator.join(source for source in sources if source),
    "StripSpaces": lambda source: source.replace(" ", ""),
    "ToLower": lambda source, *_: source.lower(),
    "ToUpper": lambda source, *_: source.upper(),
    "Trim": lambda source: source.strip(),
}


class ExpressionError(Exception):
    """The text is not an expression, or cannot be evaluated here."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An attribute, a constant, or a function of other expressions."""

    kind: str
    name: str
    text: str
    arguments: "tuple[Expression, ...]" = ()

    def as_graph(self) -> dict[str, Any]:
        """The expression as the source of an attribute mapping."""
        names = [parameter[0] for parameter in FUNCTIONS.get(self.name, ())] if self.kind == "Function" else []
        parameters = [
            # Only the last parameter repeats.
            {"key": names[min(n, len(names) - 1)], "value": argument.as_graph()}
            for n, argument in enumerate(self.arguments)
        ]
        return {"expression": self.text, "name": self.name, "parameters": parameters, "type": self.kind}

    def value(self, attributes: Mapping[str, str]) -> str:
        """The value of the expression.

        Raises:
            ExpressionError: it needs more than combining texts.
        """
        if self.kind == "Attribute":
            return attributes.get(self.name, "")
        if self.kind == "Constant":
            return self.name
        function = EVALUATE.get(self.name)
        if function is None:
            raise ExpressionError(f"The function '{self.name}' cannot be evaluated with a test object.")
        return function(*(argument.value(attributes) for argument in self.arguments))


def parse(text: str) -> Expression:
    """Parse an expression.

    Raises:
        ExpressionError: it cannot be parsed.
    """
    # Length and depth are limited because the text comes from outside and is read recursively.
    if len(text) > LONGEST:
        raise ExpressionError(f"An expression has at most {LONGEST} characters.")
    expression, end = _read(text, 0, 0)
    if text[end:].strip():
        raise ExpressionError(f"Unexpected text at position {end}.")
    return expression


def _read(text: str, at: int, depth: int) -> tuple[Expression, int]:
    found = TOKEN.match(text, at)
    if found is None or found["mark"] or depth > DEEPEST:
        raise ExpressionError(f"An attribute, a constant or a function is expected at position {at}.")
    end = found.end()
    if found["attribute"]:
        return Expression("Attribute", found["attribute"], f"[{found['attribute']}]"), end
    if not found["name"]:
        constant = found["number"] or re.sub(r"\\(.)", r"\1", found["text"][1:-1])
        return Expression("Constant", constant, found[0].strip()), end
    return _call(text, at, found["name"], end, depth)


def _call(text: str, at: int, name: str, end: int, depth: int) -> tuple[Expression, int]:
    known = next((function for function in FUNCTIONS if function.lower() == name.lower()), None)
    if known is None:
        raise ExpressionError(f"Unknown function '{name[:50]}'.")
    arguments: list[Expression] = []
    end = _mark(text, end, "(")
    while True:
        if (empty := TOKEN.match(text, end)) and empty["mark"] in (",", ")"):
            argument = Expression("Constant", "", "")  # an optional argument left out
        else:
            argument, end = _read(text, end, depth + 1)
        arguments.append(argument)
        closing = TOKEN.match(text, end)
        if closing is None or closing["mark"] not in (",", ")"):
            raise ExpressionError(f"',' or ')' is expected at position {end}.")
        end = closing.end()
        if closing["mark"] == ")":
            break
    parameters = FUNCTIONS[known]
    fewest = sum(required for _, _, required, _ in parameters)
    repeats = any(repeated for *_, repeated in parameters)
    if len(arguments) < fewest or (len(arguments) > len(parameters) and not repeats):
        raise ExpressionError(f"The function '{known}' does not take {len(arguments)} arguments.")
    return Expression("Function", known, text[at:end].strip(), tuple(arguments)), end


def _mark(text: str, at: int, mark: str) -> int:
    found = TOKEN.match(text, at)
    if found is None or found["mark"] != mark:
        raise ExpressionError(f"'{mark}' is expected at position {at}.")
    return found.end()

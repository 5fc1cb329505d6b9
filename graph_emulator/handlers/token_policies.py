"""Claims mapping and token issuance policies: the collections, and their assignment to service principals.

https://learn.microsoft.com/graph/api/resources/claimsmappingpolicy
"""

import re
from operator import itemgetter
from typing import Any

import orjson

from graph_emulator.directory.token_policies import PolicyKind, TokenPolicies
from graph_emulator.handlers.call import Answer, Call, build_page
from graph_emulator.handlers.directory_objects import render
from graph_emulator.wire.bodies import take
from graph_emulator.wire.odata import Field, Filterable, allow_options, select, selected
from graph_emulator.wire.problems import GraphProblem, invalid_value, malformed

TYPES = {"definition": "string[]", "displayName": "string", "isOrganizationDefault": "boolean"}
PROPERTIES = ("id", "deletedDateTime", *TYPES)
PAGE_OPTIONS = ("$select", "$top", "$skiptoken")
RESOURCES: dict[PolicyKind, str] = {
    "claimsMappingPolicies": "claimsMappingPolicy",
    "tokenIssuancePolicies": "tokenIssuancePolicy",
}
FILTERABLE = Filterable(
    "stsPolicy", {name.lower(): Field(itemgetter(name), frozenset({"eq"})) for name in ("displayName", "id")}
)
REFERENCE = re.compile(r"(?i)/(?:(?P<kind>policies/\w+)|directoryObjects)/(?P<id>[0-9a-f-]{36})$")


def _policies(call: Call, kind: PolicyKind) -> TokenPolicies:
    return call.tenant.policies[kind]


def _page(call: Call, kind: PolicyKind, found: list[dict[str, Any]]) -> Answer:
    names = selected(call.options, RESOURCES[kind], PROPERTIES)
    return build_page(call, f"policies/{kind}", [select(each, names) for each in found])


def list_all(call: Call, kind: PolicyKind) -> Answer:
    """The policies of a kind that match."""
    options = call.options
    allow_options(options, ("$filter", *PAGE_OPTIONS))
    matches = FILTERABLE.predicate(options["$filter"]) if "$filter" in options else bool
    return _page(call, kind, [each for each in _policies(call, kind).all(call.replica, call.now) if matches(each)])


def get(call: Call, kind: PolicyKind) -> Answer:
    """One policy."""
    allow_options(call.options, ("$select",))
    names = selected(call.options, RESOURCES[kind], PROPERTIES)
    value = _policies(call, kind).get(call.parameters["policyId"], call.replica, call.now)
    return Answer(200, {"@odata.context": call.context(f"policies/{kind}/$entity"), **select(value, names)})


def create(call: Call, kind: PolicyKind) -> Answer:
    """Create a policy."""
    body = take(call.body, TYPES, required=("definition", "displayName"))
    _check(body, kind)
    default = body.get("isOrganizationDefault") or False
    value = _policies(call, kind).create(body["displayName"], body["definition"], default, call.now)
    return Answer(201, {"@odata.context": call.context(f"policies/{kind}/$entity"), **value})


def patch(call: Call, kind: PolicyKind) -> Answer:
    """Change a policy."""
    value = _policies(call, kind).get(call.parameters["policyId"], call.replica, call.now)
    changes = take(call.body, TYPES)
    _check(changes, kind)
    value.update(changes)
    return Answer(204)


def delete(call: Call, kind: PolicyKind) -> Answer:
    """Delete a policy."""
    value = _policies(call, kind).get(call.parameters["policyId"], call.replica, call.now)
    _policies(call, kind).delete(value["id"])
    return Answer(204)


def list_applied(call: Call, kind: PolicyKind) -> Answer:
    """The service principals that have a policy."""
    allow_options(call.options, ("$top", "$skiptoken"))
    value = _policies(call, kind).get(call.parameters["policyId"], call.replica, call.now)
    live = call.tenant.directory.live["servicePrincipal"]
    found = [live[id_] for id_ in _policies(call, kind).principals_of(value["id"]) if id_ in live]
    shown = [{"@odata.type": "#microsoft.graph.servicePrincipal", **render(call, entry)} for entry in found]
    return build_page(call, "directoryObjects", shown)


def list_assigned(call: Call, kind: PolicyKind) -> Answer:
    """The policy of a service principal, as a list."""
    allow_options(call.options, PAGE_OPTIONS)
    entry = call.entry("servicePrincipal")
    return _page(call, kind, _policies(call, kind).of(entry.id, call.replica, call.now))


def assign(call: Call, kind: PolicyKind) -> Answer:
    """Assign a policy to a service principal, by reference.

    A reference that names no policy is refused before the service principal is looked at; recorded:
    timfee/cep-idp linkPolicy_error.json, 2025-06-11.
    """
    reference = call.body.get("@odata.id") if isinstance(call.body, dict) else None
    # Any host: clients build the address from their own base, which may be a proxy's.
    match = REFERENCE.search(reference) if isinstance(reference, str) else None
    if match is None or (match["kind"] or f"policies/{kind}").lower() != f"policies/{kind}".lower():
        raise reference_refused()
    entry = call.entry("servicePrincipal", change=True)
    policy = _policies(call, kind).get(match["id"], call.replica, call.now)
    _policies(call, kind).assign(entry.id, policy["id"], call.now)
    return Answer(204)


def reference_refused() -> GraphProblem:
    """The refusal of a reference to something that cannot be assigned."""
    return malformed("Write requests are only supported on contained entities or navigation properties with bindings.")


def unassign(call: Call, kind: PolicyKind) -> Answer:
    """Take a policy from a service principal."""
    entry = call.entry("servicePrincipal", change=True)
    _policies(call, kind).unassign(entry.id, call.parameters["policyId"])
    return Answer(204)


def _check(values: dict[str, Any], kind: PolicyKind) -> None:
    """Refuse what is no policy; of the rules inside a definition only the outermost are known."""
    if "displayName" in values and not (values["displayName"] or "").strip():
        raise invalid_value("displayName")
    if "definition" in values and not _is_definition(values["definition"], kind):
        raise invalid_value("definition")


def _is_definition(definition: list[str], kind: PolicyKind) -> bool:
    """Whether it is one JSON object in a string, with the rules under the name of the policy.

    A token issuance policy was recorded with another name: timfee/cep-idp createPolicy.json, 2025-06-12.
    """
    try:
        (outer,) = map(orjson.loads, definition)  # a list, but of exactly one JSON text
        ((name, rules),) = outer.items()
    except (ValueError, AttributeError):
        return False
    named = name == "ClaimsMappingPolicy" or kind == "tokenIssuancePolicies"
    return named and isinstance(rules, dict) and isinstance(rules.get("ClaimsSchema", []), list)

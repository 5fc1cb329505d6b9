"""Application templates, and the applications created from them.

https://learn.microsoft.com/graph/api/resources/applicationtemplate
"""

from typing import Any

from graph_emulator.directory.gallery import RECORDED, Template, rendered
from graph_emulator.directory.new_objects import as_created
from graph_emulator.handlers.call import Answer, Call, plain_number
from graph_emulator.handlers.directory_objects import render
from graph_emulator.wire.bodies import take
from graph_emulator.wire.odata import Field, Filterable, allow_options, next_link, select, selected, whole_number
from graph_emulator.wire.problems import bad_request, invalid_value, malformed, not_found, unsupported_query

LARGEST_PAGE = 999
FILTERABLE = Filterable(
    "applicationTemplate",
    {
        "displayname": Field(lambda t: t["displayName"], frozenset({"eq", "contains"})),
        "categories": Field(lambda t: t["categories"], frozenset({"eq", "contains"}), folded=True, collection=True),
    },
)
ONLY_ON_REQUEST = ("riskScore", "riskFactors")


def _rendered(call: Call) -> tuple[dict[str, Any], ...]:
    settings = call.tenant.settings
    whole = settings.template_properties == "all"
    return rendered(settings.cloud, own_ids=settings.gallery_ids == "per cloud", whole=whole)


def _known(call: Call) -> list[str]:
    """The properties that `$select` accepts: all that the metadata declares."""
    return [*next(iter(call.tenant.gallery.values())).as_graph(), *ONLY_ON_REQUEST]


def list_all(call: Call) -> Answer:
    """Search the gallery."""
    options = call.options
    allow_options(options, ("$filter", "$orderby", "$top", "$skip", "$select", "$count"))
    names = selected(options, "applicationTemplate", _known(call))
    found = list(_rendered(call))
    if "$filter" in options:
        found = list(filter(FILTERABLE.predicate(options["$filter"]), found))
    _sort(found, options.get("$orderby"))
    skip, settings = whole_number(options, "$skip", 0, 1_000_000, 0), call.tenant.settings
    # Recorded: without $top the whole gallery comes in one page.
    default = settings.template_page_size if settings.template_next_link_without_top else len(found)
    top = whole_number(options, "$top", default, LARGEST_PAGE)
    page = [select(template, names) for template in found[skip : skip + top]]
    value: dict[str, Any] = {"@odata.context": call.context("applicationTemplates")}
    if options.get("$count", "").lower() == "true":
        value["@odata.count"] = len(found)
    if names is None and settings.template_properties == "all":
        value["@microsoft.graph.tips"] = "Use $select to choose only the properties your app needs."
    if skip + top < len(found):
        value["@odata.nextLink"] = next_link(call.address, call.request.query, skip=str(skip + top))
    return Answer(200, {**value, "value": page})


def count(call: Call) -> Answer:
    """How many templates match; the SDKs have this segment, but it is unconfirmed that the service does."""
    if not call.tenant.settings.template_count_segment:
        raise malformed("Resource not found for the segment '$count'.")
    allow_options(call.options, ("$filter",))
    found = _rendered(call)
    matches = FILTERABLE.predicate(call.options["$filter"]) if "$filter" in call.options else bool
    return plain_number(sum(1 for template in found if matches(template)))


def _sort(found: list[dict[str, Any]], order: str | None) -> None:
    if order is None:
        return
    name, _, direction = order.strip().partition(" ")
    if name.lower() != "displayname" or direction.strip().lower() not in ("", "asc", "desc"):
        raise unsupported_query(f"Sorting by '{order[:100]}' is not supported for applicationTemplates.")
    found.sort(key=lambda t: str(t["displayName"]).lower(), reverse=direction.strip().lower() == "desc")


def _template(call: Call) -> Template | None:
    return call.tenant.gallery.get(call.parameters["id"].lower())


def get(call: Call) -> Answer:
    """One template."""
    allow_options(call.options, ("$select",))
    names = selected(call.options, "applicationTemplate", _known(call))
    template = _template(call)
    if template is None:
        raise not_found(call.parameters["id"])
    value = template.as_graph()
    if call.tenant.settings.template_properties == "nine":
        # The recorded response has nine properties; the metadata declares more.
        value = {name: value[name] for name in RECORDED}
    value = select(value, names)
    return Answer(200, {"@odata.context": call.context("applicationTemplates/$entity"), **value})


def instantiate(call: Call) -> Answer:
    """Create an application and its service principal."""
    template = _template(call)
    if template is None:
        # Recorded: timfee/cep-idp graph_instantiateSSO.400.json, 2025-06-11.
        raise malformed(f"App with appId: {call.parameters['id'][:100]} does not exist")
    if not template.integrated and call.tenant.settings.unintegrated_templates == "refuse":
        raise bad_request("The application template is not integrated with Microsoft Entra ID.")
    body = take(call.body, {"displayName": "string", "serviceManagementReference": "string"}, required=("displayName",))
    name = body["displayName"]
    if not name.strip() or len(name) > 256:
        raise invalid_value("displayName")
    application, principal = call.tenant.directory.instantiate(
        template, name, body.get("serviceManagementReference"), call.caller.object_id, call.now
    )
    value = {
        "@odata.context": call.context("microsoft.graph.applicationServicePrincipal"),
        "application": as_created(render(call, application), principal=False),
        "servicePrincipal": as_created(render(call, principal), principal=True),
    }
    return Answer(201, value)

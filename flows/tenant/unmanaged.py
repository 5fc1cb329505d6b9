"""The applications of a tenant that a fleet could adopt."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from flows.errors import StepFailed
from flows.tenant.instance_state import ObservedInstance, read_instance
from flows.tenant.observe import (
    find_app_registrations,
    find_principals_by_id,
    find_service_principals,
    group_applications,
    group_principals,
    observe_instance,
)
from flows.tenant.ownership_tag import tag_prefix
from flows.tenant.single_sign_on import read_sign_on
from flows.tenant.templates import find_templates
from graph_client import GraphClient, Resources
from graph_client.errors import NotFound
from graph_client.parallel import gather
from graph_client.protocol import text_literal


@dataclass(frozen=True)
class Unmanaged:
    """The applications that a fleet could adopt, and those it already has."""

    found: tuple[ObservedInstance, ...]
    """Without a tag or with the fleet's, by name, with full details."""
    others: tuple[ObservedInstance, ...]
    """With the tag of another fleet."""
    templates: Mapping[str, str]
    """Display names of application templates, by id."""
    taken: frozenset[str]
    """Keys that the fleet has tagged, from any template."""


async def find_unmanaged(
    graph: GraphClient, fleet: str, template: str | None, tag: str | None, principal_ids: Collection[str] = ()
) -> Unmanaged:
    """Find the applications created from a template, or with a tag, or both, or those named; in batches.

    Args:
        graph: A signed-in client.
        fleet: The name of the adopting fleet.
        template: Display name or id of the application template.
        tag: Prefix of one of their tags.
        principal_ids: Object ids of service principals, in place of both.

    Raises:
        StepFailed: There is no such template or service principal, or the template does not support provisioning.
        GraphError: A read failed after all retries.
    """
    if principal_ids:
        items = await _named(graph, principal_ids)
    else:
        items = await (_of_template(graph, template, tag) if template else _tagged(graph, tag or ""))
    ours = await find_app_registrations(graph, f"tags/any(t:startswith(t,{text_literal(tag_prefix(fleet))}))")
    taken = [observe_instance(each, None, each.app_id or "").key for each in ours]
    mine = [item for item in items if item.mark is None or item.mark.fleet == fleet]
    looked, names = await gather(
        gather(*(_read_adoptable(graph, item) for item in mine)),
        _template_names(graph, {item.template_id for item in mine if item.template_id}),
    )
    return Unmanaged(
        tuple(sorted(looked, key=lambda item: (item.display_name, item.application_id or ""))),
        tuple(item for item in items if item not in mine),
        names,
        frozenset(filter(None, taken)),
    )


async def _read_adoptable(graph: GraphClient, item: ObservedInstance) -> ObservedInstance:
    found = await read_instance(graph.batched, item)
    if not (found.application_id and found.service_principal_id):
        return found
    sign_on = await read_sign_on(graph.batched, found.application_id, found.service_principal_id)
    return replace(found, sign_on=sign_on)


async def _of_template(graph: GraphClient, name: str, tag: str | None) -> list[ObservedInstance]:
    templates, problems = await find_templates(graph, {name})
    if name in problems:
        raise StepFailed(problems[name].code, problems[name].message, problems[name].hint)
    condition = f"applicationTemplateId eq {text_literal(templates[name].id)}"
    principals = await find_service_principals(graph, condition)
    applications = {each.app_id: each for each in await group_applications(graph, "appId", filter(None, principals))}
    items = [observe_instance(applications.get(app_id), each, app_id or "") for app_id, each in principals.items()]
    return [item for item in items if tag is None or any(each.startswith(tag) for each in item.tags)]


async def _named(graph: GraphClient, principal_ids: Collection[str]) -> list[ObservedInstance]:
    wanted = sorted({each.lower() for each in principal_ids})
    principals = await find_principals_by_id(graph, wanted)
    if missing := [each for each in wanted if each not in {found.id.lower() for found in principals}]:
        raise StepFailed(
            "AdoptNotFound",
            f"The tenant has no service principal {', '.join(missing)}.",
            "--service-principal takes object ids of service principals, as `inventory` shows them.",
        )
    applications = await group_applications(graph, "appId", filter(None, (each.app_id for each in principals)))
    by_app_id = {each.app_id: each for each in applications}
    return [observe_instance(by_app_id.get(each.app_id), each, each.app_id or "") for each in principals]


async def _tagged(graph: GraphClient, tag: str) -> list[ObservedInstance]:
    found = await find_app_registrations(graph, f"tags/any(t:startswith(t,{text_literal(tag)}))")
    principals = await group_principals(graph, [each.app_id for each in found if each.app_id])
    return [observe_instance(each, principals.get(each.app_id), each.app_id or "") for each in found]


async def _template_names(graph: GraphClient, ids: Iterable[str]) -> dict[str, str]:
    wanted = sorted(ids)
    names = await gather(*(_template_name(graph.batched, each) for each in wanted))
    return dict(zip(wanted, names, strict=True))


async def _template_name(graph: Resources, template_id: str) -> str:
    try:
        template = await graph.application_templates.get(template_id, select=("id", "displayName"))
    except NotFound:
        return template_id
    if not template.display_name:
        return template_id
    # Names are not unique, and not every template is in the list that a name is looked up in: Cloud Sync is not.
    namesakes = [each.id async for each in graph.application_templates.list(display_name=template.display_name)]
    return template.display_name if namesakes == [template_id] else template_id

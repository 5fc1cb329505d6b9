"""Finding the gallery templates in a fleet file."""

import difflib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from flows.fleet_file.cross_tenant import GALLERY_NAME, TEMPLATE_ID, TEMPLATE_NAME
from graph_client import GraphClient, Resources
from graph_client.errors import NotFound
from graph_client.models import ApplicationTemplate
from graph_client.parallel import gather


@dataclass(frozen=True)
class TemplateProblem:
    """Why a template cannot be used."""

    code: str
    message: str
    hint: str


async def find_templates(
    graph: GraphClient, names: Iterable[str]
) -> tuple[dict[str, ApplicationTemplate], dict[str, TemplateProblem]]:
    """Find each application template by its display name or id.

    Returns:
        The usable templates and the problems, both by the requested name or id.

    Source: https://learn.microsoft.com/graph/api/applicationtemplate-list
    """
    templates: dict[str, ApplicationTemplate] = {}
    problems: dict[str, TemplateProblem] = {}
    wanted = sorted(names)
    for name, found in zip(wanted, await gather(*(_find(graph.batched, each) for each in wanted)), strict=True):
        if found is None:
            problems[name] = await _unknown(graph, name)
        elif "sync" not in (found.supported_provisioning_types or ()):
            problems[name] = TemplateProblem(
                "TemplateWithoutProvisioning",
                f"The application template {name!r} does not support provisioning.",
                "Only templates whose supportedProvisioningTypes contains 'sync' can have a provisioning job.",
            )
        else:
            templates[name] = found
    return templates, problems


async def with_new_names(
    graph: Resources, problems: Mapping[str, TemplateProblem], in_use: Mapping[str, str]
) -> dict[str, TemplateProblem]:
    """Return the problems, with the current names of renamed templates.

    Args:
        graph: A signed-in client.
        problems: By the name or id that the fleet file uses.
        in_use: The template that applications were made from, by the name or id that the fleet file uses.

    Source: https://learn.microsoft.com/graph/api/applicationtemplate-get
    """
    renamed = dict(problems)
    for name, problem in problems.items():
        template = await _find(graph, in_use[name]) if name in in_use else None
        if template and template.display_name and template.display_name != name:
            hint = f"Its name is now {template.display_name!r}: use that, or its id {template.id}."
            renamed[name] = replace(problem, hint=hint)
    return renamed


async def _find(graph: Resources, name: str) -> ApplicationTemplate | None:
    if name.casefold() == TEMPLATE_NAME.casefold():
        # Ids are those of the global cloud.
        return await _find(graph, TEMPLATE_ID) or await _find(graph, GALLERY_NAME)
    if _is_id(name):
        try:
            return await graph.application_templates.get(name)
        except NotFound:
            return None
    found = [template async for template in graph.application_templates.list(display_name=name)]
    return found[0] if found else None


async def _unknown(graph: GraphClient, name: str) -> TemplateProblem:
    # The whole gallery, but only to word an error.
    known = [t.display_name or "" async for t in graph.application_templates.list(select=("id", "displayName"))]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return TemplateProblem(
        "TemplateNotFound",
        f"The tenant's gallery has no application template {name!r}.",
        f"Did you mean {' or '.join(map(repr, near))}?" if near else "Use its exact display name, or its id.",
    )


def _is_id(name: str) -> bool:
    try:
        uuid.UUID(name)
    except ValueError:
        return False
    return True

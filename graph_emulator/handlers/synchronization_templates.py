"""Synchronization templates of an application.

https://learn.microsoft.com/graph/api/synchronization-synchronization-list-templates
"""

from typing import Any

from graph_emulator.directory.directory import Entry, Kind
from graph_emulator.handlers.call import Answer, Call
from graph_emulator.handlers.principals import synchronized_principal
from graph_emulator.identifiers import share
from graph_emulator.provisioning.schema import build_schema
from graph_emulator.wire.problems import GraphProblem
from graph_emulator.wire.query_options import allow_options


def _are_ready(call: Call, entry: Entry) -> bool:
    """They appear some time after the application, on one replica after the other."""
    lag = call.tenant.settings.templates_lag_seconds
    late = 0.7 + 0.3 * share(entry.id, "templates", call.replica)
    return lag <= 0 or call.now >= entry.created_at + lag * (1.0 if call.replica == 0 else late)


def _render(call: Call, entry: Entry, name: str, *, whole: bool) -> dict[str, Any]:
    keys = ("galleryApplicationIdentifier", "galleryApplicationKey", "isOAuthEnabled")
    values = (entry.template.id, entry.template.slug, "false")
    metadata = [
        {"key": key if call.is_beta else key[0].upper() + key[1:], "value": value}
        for key, value in zip(keys, values, strict=True)
    ]
    empty: dict[str, Any] = {"directories": [], "synchronizationRules": []}
    return {
        "id": name,
        "applicationId": entry.value["appId"],
        "default": name == entry.template.default_synchronization,
        "description": f"Provisioning to {entry.template.display_name}",
        "discoverable": True,
        "factoryTag": name,
        "metadata": metadata,
        "schema": build_schema(entry.template, name) if whole else empty,
    }


def list_all(call: Call, kind: Kind = "servicePrincipal") -> Answer:
    """The synchronization templates of an application."""
    allow_options(call.options, ())
    entry = synchronized_principal(call) if kind == "servicePrincipal" else call.entry(kind, synchronization=True)
    ready = _are_ready(call, entry)
    if not ready and call.tenant.settings.templates_before_ready == "404":
        raise GraphProblem(404, "ResourceNotFound", "The synchronization service does not know the application yet.")
    names = entry.template.synchronization if ready else ()
    fragment = f"{kind}s('{entry.id}')/synchronization/templates"
    return Answer(
        200,
        {
            "@odata.context": call.context(fragment),
            "value": [_render(call, entry, name, whole=False) for name in names],
        },
    )


def template_of(call: Call) -> tuple[Entry, str]:
    """The service principal and the name of the template that the path names."""
    entry, name = synchronized_principal(call), call.parameters["templateId"]
    if name not in entry.template.synchronization or not _are_ready(call, entry):
        raise GraphProblem(404, "ResourceNotFound", f"The template '{name[:100]}' was not found.")
    return entry, name


def get(call: Call) -> Answer:
    """One synchronization template, with its schema."""
    allow_options(call.options, ())
    entry, name = template_of(call)
    fragment = f"servicePrincipals('{entry.id}')/synchronization/templates/$entity"
    return Answer(200, {"@odata.context": call.context(fragment), **_render(call, entry, name, whole=True)})

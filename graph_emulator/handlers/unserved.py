"""What is answered where nothing is served: by the gateway, by the directory, or by the synchronization service.

Each has its own form; all but the last lines of `_refuse` are recorded (docs/what-graph-does.md).
"""

from collections.abc import Callable, Sequence
from functools import partial

import orjson

from graph_emulator.directory.directory import Kind
from graph_emulator.handlers.call import Answer, Call
from graph_emulator.wire.problems import GraphProblem, malformed, not_found
from graph_emulator.wire.request_log import parsed

KINDS: dict[str, Kind] = {"applications": "application", "serviceprincipals": "servicePrincipal"}
SYNC_FABRIC = "https://syncfabric.windowsazure.com/api"
KEYED = frozenset({"applications", "serviceprincipals", "jobs", "templates", "directories"})
"""Collections whose next segment is a key."""


def unserved(segments: Sequence[str], other_methods: bool) -> Callable[[Call], Answer]:
    """The handler that refuses a path or a method.

    Args:
        segments: the path below the version.
        other_methods: whether the path is served, with another method.
    """
    return partial(_refuse, segments=segments, other_methods=other_methods)


def _refuse(call: Call, segments: Sequence[str], other_methods: bool) -> Answer:
    names = [segment.lower() for segment in segments]
    kind = KINDS.get(names[0]) if names else None
    if kind and names[2:3] == ["synchronization"]:
        raise no_resource(segments)
    if kind and len(names) == 3 and names[2] == "$ref":
        raise malformed(f"Unsupported segment type. ODataQuery: /{'/'.join(segments)}")
    if kind and len(names) == 4 and names[3] == "$ref" and _leads_nowhere(call):
        raise malformed(
            "Write requests are only supported on contained entities or navigation properties with bindings."
        )
    if other_methods:
        raise GraphProblem(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
    if kind and len(names) > 2:
        call.parameters = {"id": segments[1]}
        call.entry(kind)
        if call.tenant.settings.unknown_segments == "not found":
            raise not_found(segments[2][:100])
    raise malformed(f"Resource not found for the segment '{segments[-1][:100] if segments else ''}'.")


def _leads_nowhere(call: Call) -> bool:
    """Whether a reference names a collection and no object in it: timfee/cep-idp linkPolicy_error.json, 2025-06-11."""
    body = parsed(call.request.body)
    return isinstance(body, dict) and str(body.get("@odata.id", "")).endswith("/")


def no_resource(segments: Sequence[str]) -> GraphProblem:
    """The synchronization service knows neither such a path nor such a method: it says which, as JSON in the message.

    https://github.com/microsoftgraph/msgraph-sdk-python/issues/820
    """
    path = ""
    for before, segment in zip(("", *segments), segments, strict=False):
        path += f"('{segment}')" if before.lower() in KEYED else f"/{segment}"
    uri = f"{SYNC_FABRIC}{path}?api-version=2.0"
    message = {"Message": f"No HTTP resource was found that matches the request URI '{uri}'."}
    return GraphProblem(404, "UnknownError", orjson.dumps(message).decode())

"""JSON batches: several requests in one.

https://learn.microsoft.com/graph/json-batching
"""

from typing import Any

import orjson

from graph_emulator.clock import share
from graph_emulator.handlers.call import Answer, Call
from graph_emulator.wire.bodies import take
from graph_emulator.wire.problems import GraphProblem, Request, bad_request, malformed

LARGEST_BATCH = 20
TYPES = {
    "id": "string!",
    "method": "string!",
    "url": "string!",
    "headers": "object",  # a step with a body needs its Content-Type here
    "body": "object",
    "dependsOn": "string[]",
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def batch(call: Call) -> Answer:
    """Answer up to twenty requests, each on its own, in any order."""
    requests = take(call.body, {"requests": "object[]"}, required=("requests",))["requests"]
    if not 0 < len(requests) <= LARGEST_BATCH:
        raise malformed(f"Number of batch request steps must be between 1 and {LARGEST_BATCH}.")
    # Microsoft's client for Python sends `depends_on` in addition to `dependsOn`.
    named = [{name: value for name, value in item.items() if name != "depends_on"} for item in requests]
    steps = [take(item, TYPES, required=("id", "method", "url")) for item in named]
    _check(steps)
    responses: dict[str, dict[str, Any]] = {}
    for step in _in_order(steps):
        responses[step["id"]] = _answer(call, step, responses)
    # Graph guarantees no order; a shuffled one finds clients that rely on one.
    shuffled = sorted(responses.values(), key=lambda response: share(call.sequence, response["id"]))
    return Answer(200, {"responses": shuffled})


def _check(steps: list[dict[str, Any]]) -> None:
    # Unique regardless of case: https://learn.microsoft.com/graph/json-batching
    ids = [step["id"].lower() for step in steps]
    if len(set(ids)) != len(ids):
        raise malformed("Request id is not unique in the batch.")
    for step in steps:
        if step["method"].upper() not in METHODS:
            raise malformed(f"Unsupported method '{step['method'][:20]}' in the batch.")
        for parent in step.get("dependsOn") or ():
            if parent.lower() not in ids:
                raise bad_request(f"The dependsOn request id '{parent[:50]}' is not in the batch.")


def _in_order(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The requests in an order in which each follows those that it depends on."""
    ordered: list[dict[str, Any]] = []
    done: set[str] = set()
    waiting = list(steps)
    while waiting:
        ready = [step for step in waiting if {p.lower() for p in step.get("dependsOn") or ()} <= done]
        if not ready:
            raise malformed("The requests of the batch depend on each other in a circle.")
        ordered += ready
        done |= {step["id"].lower() for step in ready}
        waiting = [step for step in waiting if step not in ready]
    return ordered


def _answer(call: Call, step: dict[str, Any], earlier: dict[str, dict[str, Any]]) -> dict[str, Any]:
    by_folded = {name.lower(): response for name, response in earlier.items()}  # dependsOn may differ in case
    if any(by_folded[parent.lower()]["status"] >= 400 for parent in step.get("dependsOn") or ()):
        problem = GraphProblem(424, "FailedDependency", "Failed Dependency: a request that this one depends on failed.")
        return {"id": step["id"], "status": 424, "headers": {}, "body": _body(problem, call)}
    answer = call.send(_request(call, step))
    if answer.status == 200 and answer.value is None:
        # A part with status 200 has a body.
        answer.value = {}
    response = {"id": step["id"], "status": answer.status, "headers": answer.headers}
    return response if answer.value is None else {**response, "body": answer.value}


def _body(problem: GraphProblem, call: Call) -> dict[str, Any]:
    return problem.error_body(f"{call.sequence}", "", call.now)


def _request(call: Call, step: dict[str, Any]) -> Request:
    path, _, query = step["url"].partition("?")  # relative to the version of the batch
    headers = {str(name).lower(): str(value) for name, value in (step.get("headers") or {}).items()}
    # The token of the batch is that of its parts.
    headers["authorization"] = call.request.headers.get("authorization", "")
    body = step.get("body")
    return Request(
        step["method"].upper(),
        f"/{call.version}/{path.lstrip('/')}",
        query,
        headers,
        b"" if body is None else orjson.dumps(body),
        call.request.root,
    )

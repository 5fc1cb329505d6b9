"""The control interface below `/_emulator`: for tests and demos, from this machine only."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from graph_emulator.faults.rules import read_rule
from graph_emulator.faults.text import read_fault
from graph_emulator.handlers.call import Answer
from graph_emulator.settings import EmulatorError
from graph_emulator.wire.messages import Request
from graph_emulator.wire.problems import GraphProblem
from graph_emulator.wire.query_options import read_options

if TYPE_CHECKING:
    from graph_emulator.emulator import Emulator

MOST_EVENTS = 2_000_000


def control(emulator: "Emulator", request: Request) -> Answer:
    """Answer a request of the control interface; what cannot be done is a 400 that says why."""
    action = request.path.removeprefix("/_emulator").strip("/")
    act = ACTIONS.get((request.method, action))
    if act is None:
        known = ", ".join(f"{method} /_emulator/{name}" for method, name in ACTIONS)
        return Answer(404, {"error": f"{request.method} /_emulator/{action[:100]} is not known; known: {known}"})
    try:
        return act(emulator, request)
    except (EmulatorError, GraphProblem, ValueError) as error:
        return Answer(400, {"error": str(error)})


def _state(emulator: "Emulator", _: Request) -> Answer:
    return Answer(200, emulator.state())


def _requests(emulator: "Emulator", request: Request) -> Answer:
    since = int(read_options(request.query).get("since", "0"))
    records = [record.as_json() for record in emulator.requests if record.sequence > since]
    return Answer(200, {"count": emulator.requests_seen, "requests": records})


def _clock(emulator: "Emulator", _: Request) -> Answer:
    return Answer(200, {"now": emulator.clock.now()})


def _advance(emulator: "Emulator", request: Request) -> Answer:
    emulator.advance(_number(_body(request), "advance_seconds"))
    return _clock(emulator, request)


def _faults(emulator: "Emulator", _: Request) -> Answer:
    return Answer(200, {"rules": [rule.as_json() for rule in emulator.faults.rules]})


def _add_faults(emulator: "Emulator", request: Request) -> Answer:
    body = _body(request)
    rules = body.get("rules") if "rules" in body else [body]
    if not isinstance(rules, list):
        raise EmulatorError("rules: a list of fault rules is expected")
    emulator.add_faults([read_rule(rule) if isinstance(rule, dict) else read_fault(str(rule)) for rule in rules])
    return _faults(emulator, request)


def _clear_faults(emulator: "Emulator", _: Request) -> Answer:
    emulator.faults.clear()
    return Answer(204)


def _reject(emulator: "Emulator", request: Request) -> Answer:
    emulator.reject_secret(_text(_body(request), "reject"))
    return Answer(204)


def _quarantine(emulator: "Emulator", request: Request) -> Answer:
    body = _body(request)
    emulator.quarantine(_text(body, "job_id"), _text({"reason": "EncounteredQuarantineException", **body}, "reason"))
    return Answer(204)


def _edit(emulator: "Emulator", request: Request) -> Answer:
    body = _body(request)
    emulator.edit(_text(body, "id"), _object(body, "changes"))
    return Answer(204)


def _delete(emulator: "Emulator", request: Request) -> Answer:
    body = _body(request)
    emulator.delete(_text(body, "id"), purge=body.get("purge") is True)
    return Answer(204)


def _job(emulator: "Emulator", request: Request) -> Answer:
    body = _body(request)
    emulator.act_on_job(_text(body, "job_id"), _text(body, "action"))
    return Answer(204)


def _secrets(emulator: "Emulator", request: Request) -> Answer:
    body = _body(request)
    emulator.edit_secrets(_text(body, "service_principal_id"), _object(body, "values"))
    return Answer(204)


def _preload(emulator: "Emulator", request: Request) -> Answer:
    body = {"over_seconds": 6 * 86_400.0, **_body(request)}
    count, seconds = int(_number(body, "count")), _number(body, "over_seconds")
    if not 0 <= count <= MOST_EVENTS or not seconds > 0:
        raise EmulatorError(f"count: a number up to {MOST_EVENTS} is expected, and over_seconds above 0")
    emulator.preload_events(_text(body, "service_principal_id"), count, seconds)
    return Answer(204)


def _reset(emulator: "Emulator", _: Request) -> Answer:
    emulator.reset()
    return Answer(204)


ACTIONS: dict[tuple[str, str], Callable[["Emulator", Request], Answer]] = {
    ("GET", "state"): _state,
    ("GET", "requests"): _requests,
    ("GET", "clock"): _clock,
    ("POST", "clock"): _advance,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "credentials"): _reject,
    ("POST", "quarantine"): _quarantine,
    ("POST", "edit"): _edit,
    ("POST", "delete"): _delete,
    ("POST", "job"): _job,
    ("POST", "secrets"): _secrets,
    ("POST", "events"): _preload,
    ("POST", "reset"): _reset,
}


def _body(request: Request) -> dict[str, Any]:
    value = orjson.loads(request.body or b"null")
    if not isinstance(value, dict):
        raise EmulatorError("a JSON object is expected")
    return value


def _number(body: dict[str, Any], name: str) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EmulatorError(f"{name}: a number is expected")
    return float(value)


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if not isinstance(value, dict):
        raise EmulatorError(f"{name}: an object is expected")
    return value


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise EmulatorError(f"{name}: a string is expected")
    return value

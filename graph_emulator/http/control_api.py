"""The control interface below `/_emulator`: for tests and demos on this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from graph_emulator.controls import Controls
from graph_emulator.faults.rules import FaultRule, read_fault, read_rule
from graph_emulator.handlers.call import Answer
from graph_emulator.settings import EmulatorError
from graph_emulator.wire.odata import read_options
from graph_emulator.wire.problems import GraphProblem, Request

Body = dict[str, Any]
ReadField = Callable[[Body, str], Any]
ReadArguments = Callable[[Request], tuple[Any, ...]]


def answer_control(controls: Controls, request: Request) -> Answer:
    """Answer a request to the control interface; a 400 says why something cannot be done."""
    name = request.path.removeprefix("/_emulator").strip("/")
    action = ACTIONS.get((request.method, name))
    if action is None:
        known = ", ".join(f"{method} /_emulator/{name}" for method, name in ACTIONS)
        return Answer(404, {"error": f"{request.method} /_emulator/{name[:100]} is not known; known: {known}"})
    try:
        if action.act is not None:
            action.act(controls, *action.read(request))
        if action.show is None:
            return Answer(204)
        return Answer(200, action.show(controls, request))
    except (EmulatorError, GraphProblem, ValueError) as error:
        return Answer(400, {"error": str(error)})


def _read_number(body: Body, name: str) -> float:
    value = body.get(name)
    # In Python `True` is a number too.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EmulatorError(f"{name}: a number is expected")
    return float(value)


def _read_count(body: Body, name: str) -> int:
    return int(_read_number(body, name))


def _read_flag(body: Body, name: str) -> bool:
    return body.get(name) is True  # "false" as a text is not a yes


def _read_object(body: Body, name: str) -> dict[str, Any]:
    value = body.get(name)
    if not isinstance(value, dict):
        raise EmulatorError(f"{name}: an object is expected")
    return value


def _read_text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise EmulatorError(f"{name}: a string is expected")
    return value


def _read_body(request: Request) -> Body:
    value = orjson.loads(request.body or b"null")
    if not isinstance(value, dict):
        raise EmulatorError("a JSON object is expected")
    return value


def _fields(**fields: ReadField) -> ReadArguments:
    """The fields of a body, in order."""

    def read(request: Request) -> tuple[Any, ...]:
        body = _read_body(request)
        return tuple(read_field(body, name) for name, read_field in fields.items())

    return read


def _optional(read_field: ReadField, default: Any) -> ReadField:
    return lambda body, name: read_field(body, name) if name in body else default


def _read_rules(request: Request) -> tuple[list[FaultRule]]:
    body = _read_body(request)
    rules = body.get("rules") if "rules" in body else [body]
    if not isinstance(rules, list):
        raise EmulatorError("rules: a list of fault rules is expected")
    return ([read_rule(rule) if isinstance(rule, dict) else read_fault(str(rule)) for rule in rules],)


def _show_state(controls: Controls, _: Request) -> Body:
    return controls.state()


def _show_requests(controls: Controls, request: Request) -> Body:
    since = int(read_options(request.query).get("since", "0"))
    return {
        "count": controls.requests_seen,
        "requests": [record.as_json() for record in controls.requests_since(since)],
    }


def _show_guests(controls: Controls, request: Request) -> Body:
    return {"guests": controls.guests(read_options(request.query).get("tenant_id"))}


def _read_allowed(body: Body, name: str) -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise EmulatorError(f"{name}: true, false or null is expected")
    return value


def _read_changes(body: Body, name: str) -> dict[str, Any] | None:
    return None if body.get(name) is None else _read_object(body, name)


def _show_clock(controls: Controls, _: Request) -> Body:
    return {"now": controls.now()}


def _show_faults(controls: Controls, _: Request) -> Body:
    return {"rules": [rule.as_json() for rule in controls.faults]}


@dataclass(frozen=True, slots=True)
class Action:
    """One row of the table: the method, its arguments, and the answer; without one a 204."""

    act: Callable[..., None] | None = None
    read: ReadArguments = lambda _: ()
    show: Callable[[Controls, Request], Body] | None = None


ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "state"): Action(show=_show_state),
    ("GET", "requests"): Action(show=_show_requests),
    ("GET", "clock"): Action(show=_show_clock),
    ("POST", "clock"): Action(Controls.advance, _fields(advance_seconds=_read_number), _show_clock),
    ("GET", "faults"): Action(show=_show_faults),
    ("POST", "faults"): Action(Controls.add_faults, _read_rules, _show_faults),
    ("DELETE", "faults"): Action(Controls.clear_faults),
    ("POST", "credentials"): Action(Controls.reject_secret, _fields(reject=_read_text)),
    ("POST", "quarantine"): Action(
        Controls.quarantine, _fields(job_id=_read_text, reason=_optional(_read_text, "EncounteredQuarantineException"))
    ),
    ("POST", "edit"): Action(Controls.edit, _fields(id=_read_text, changes=_read_object)),
    ("POST", "delete"): Action(Controls.delete, _fields(id=_read_text, purge=_read_flag)),
    ("POST", "job"): Action(Controls.act_on_job, _fields(job_id=_read_text, action=_read_text)),
    ("POST", "secrets"): Action(Controls.edit_secrets, _fields(service_principal_id=_read_text, values=_read_object)),
    ("POST", "partner"): Action(Controls.edit_partner, _fields(tenant_id=_read_text, changes=_read_changes)),
    ("POST", "partners"): Action(Controls.seed_partner, _fields(tenant_id=_read_text, body=_read_object)),
    ("POST", "identity-synchronization"): Action(
        Controls.set_identity_synchronization, _fields(tenant_id=_read_text, allowed=_read_allowed)
    ),
    ("GET", "guests"): Action(show=_show_guests),
    ("POST", "administrator"): Action(Controls.act_as, _fields(user_id=_read_text)),
    ("POST", "events"): Action(
        Controls.preload_events,
        _fields(service_principal_id=_read_text, count=_read_count, over_seconds=_optional(_read_number, 6 * 86_400.0)),
    ),
    ("POST", "reset"): Action(Controls.reset),
}

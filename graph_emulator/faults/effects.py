"""The effects of fault rules on answers, and latencies."""

import math
import time
from collections.abc import Sequence
from email.utils import formatdate
from typing import Any

from graph_emulator.clock import share
from graph_emulator.faults.rules import FaultRule
from graph_emulator.faults.throttle import too_many_requests
from graph_emulator.handlers.call import Answer
from graph_emulator.settings import EmulatorSettings
from graph_emulator.wire.problems import GraphProblem

HTML = b"""<!DOCTYPE html>
<html><head><title>Bad Gateway</title></head>
<body><h2>Our services aren't available right now</h2></body></html>
"""
CODES = {
    404: ("Request_ResourceNotFound", "Resource does not exist or one of its queried references is not present."),
    409: ("Directory_ConcurrencyViolation", "Due to concurrent requests, this request could not be processed."),
    500: ("InternalServerError", "An internal server error occurred."),
    502: ("BadGateway", "The upstream service answered badly."),
    503: ("ServiceUnavailable", "The service is temporarily unavailable. Please try again later."),
    504: ("GatewayTimeout", "The request timed out."),
}
HOSTILE_HOST = "https://graph.microsoft.example.net"  # like Graph's at first sight, but of a reserved domain


class ConnectionDropped(Exception):
    """The connection is dropped without an answer."""


class HtmlPage(Exception):
    """A gateway's page replaces the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def raise_fault(rules: Sequence[FaultRule], *, after_commit: bool) -> None:
    """Replace the answer by the first fault of this stage.

    Raises:
        GraphProblem: for a status.
        ConnectionDropped: for a reset.
        HtmlPage: for a page that is not JSON.
    """
    for rule in rules:
        if rule.after_commit != after_commit:
            continue
        if rule.effect == "reset":
            raise ConnectionDropped
        if rule.effect == "html":
            raise HtmlPage(rule.status)
        if rule.effect == "status":
            raise _status(rule)


def _status(rule: FaultRule) -> GraphProblem:
    headers = {} if rule.retry_after is None else {"Retry-After": _retry_after(rule.retry_after)}
    if rule.status == 429:
        return too_many_requests(headers)
    code, message = CODES.get(rule.status, ("UnknownError", ""))
    return GraphProblem(rule.status, rule.code or code, message, headers=headers)


def _retry_after(text: str) -> str:
    kind, _, seconds = text.partition("date:")
    # The machine's time and not the tenant's, as in the Date header beside it.
    return text if kind else formatdate(time.time() + float(seconds), usegmt=True)


def tamper(rules: Sequence[FaultRule], answer: Answer) -> Answer:
    """Change the content of an otherwise good answer."""
    value = answer.value
    for rule in rules:
        # A client that follows it would send its token to another host.
        if rule.effect == "hostile_next_link" and isinstance(value, dict) and "value" in value:
            value = {**value, "@odata.nextLink": f"{HOSTILE_HOST}/v1.0/steal?$skiptoken=x"}
        elif rule.effect == "unknown_enum":
            value = _walk(value, _unknown)  # at every depth: enums are in nested objects too
        elif rule.effect == "missing_schedule":
            value = _walk(value, _without_schedule)
    return Answer(answer.status, value, answer.headers)


def truncated(rules: Sequence[FaultRule], body: bytes) -> bytes:
    """The body, or its beginning if a fault truncates it."""
    # Half of the bytes is never valid JSON.
    return body[: len(body) // 2] if any(rule.effect == "truncate" for rule in rules) else body


def _walk(value: Any, change: Any) -> Any:
    if isinstance(value, list):
        return [_walk(item, change) for item in value]
    if isinstance(value, dict):
        return change({name: _walk(item, change) for name, item in value.items()})
    return value


ENUMS = frozenset({"code", "reason", "provisioningAction", "state", "provisioningStepType", "errorCategory"})


def _unknown(value: dict[str, Any]) -> dict[str, Any]:
    # Graph adds enum values and properties without a new version of the API.
    fresh = {"unknownProperty": {"nested": [1, None]}}
    return {**{n: "unknownFutureValue" if n in ENUMS and isinstance(v, str) else v for n, v in value.items()}, **fresh}


def _without_schedule(value: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name != "schedule"}


MEDIANS = {
    "instantiate": 1.4,
    "create_job": 0.7,
    "start_job": 0.6,
    "restart_job": 0.6,
    "put_secrets": 0.5,
    "put_schema": 0.9,
    "discover": 3.0,
    "validate_credentials": 2.2,
    "validate_job_credentials": 2.2,
    "provision_on_demand": 7.0,
    "list_provisioning_events": 0.9,
    "list_application_templates": 0.5,
    "list_synchronization_templates": 0.35,
    "list_jobs": 0.25,
    "get_job": 0.25,
    "get_schema": 0.35,
    "batch": 0.4,
    "token": 0.15,
}
OTHER_READ, OTHER_WRITE = 0.09, 0.25
SPREAD = 0.45  # of the logarithm: one in twenty takes twice the median
LONGEST = 4.0
READS = ("list_", "get_", "count_", "openid", "instance", "signing", "cloud")


def choose_latency(settings: EmulatorSettings, operation: str, sequence: int) -> float:
    """Seconds until a request is answered, the same for the same seed and request."""
    if settings.latency == "even":
        return settings.latency_seconds
    default = OTHER_READ if operation.startswith(READS) else OTHER_WRITE
    # Latencies are roughly log-normal; Box and Muller make a normal number of two uniform ones.
    first = 1.0 - share(settings.seed, "latency", sequence)  # never 0, of which there is no logarithm
    second = share(settings.seed, "latency angle", sequence)
    bell = math.sqrt(-2 * math.log(first)) * math.cos(2 * math.pi * second)
    # Cut off at four times the median.
    factor = min(math.exp(SPREAD * bell), LONGEST)
    return settings.latency_seconds + settings.latency_scale * MEDIANS.get(operation, default) * factor

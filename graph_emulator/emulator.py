"""The emulator: one tenant behind one function, `handle`, and two ways in: a transport and a server."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import orjson

from graph_emulator.clock import Clock
from graph_emulator.controls import Controls
from graph_emulator.faults.effects import choose_latency, truncated
from graph_emulator.faults.rules import FaultRule
from graph_emulator.handlers.call import Answer
from graph_emulator.http.asgi import EmulatorTransport
from graph_emulator.http.control_api import answer_control
from graph_emulator.service import Service
from graph_emulator.settings import EmulatorSettings
from graph_emulator.tenant import Neighbors, Tenant
from graph_emulator.wire.problems import Request, Response
from graph_emulator.wire.request_log import RequestLog

if TYPE_CHECKING:
    from graph_emulator.http.server import Served

GRAPH_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
VERSIONS = frozenset({"v1.0", "beta"})


class Emulator:
    """A Microsoft Graph tenant in this process; `controls` change it without requests.

    Args:
        settings: the tenant and its behaviour.
        clock: the tenant's time; by default the system clock, which can be advanced.
        faults: fault rules in addition to those of the profile.
        neighbors: the tenants of the same cloud; by default it is alone.

    Raises:
        EmulatorError: an unknown profile, or a rule about an unknown operation.
    """

    def __init__(
        self,
        settings: EmulatorSettings | None = None,
        clock: Clock | None = None,
        faults: Iterable[FaultRule] = (),
        neighbors: Neighbors | None = None,
    ) -> None:
        self._service = Service(settings or EmulatorSettings(), clock or Clock(), faults, neighbors)
        self.settings = self._service.settings
        self.clock = self._service.clock
        self.controls = Controls(self._service)

    @property
    def tenant(self) -> Tenant:
        """The state of the tenant."""
        return self._service.tenant

    @property
    def requests(self) -> RequestLog:
        """The latest requests, oldest first, up to `settings.requests_kept`."""
        return self._service.requests

    def issued(self, authorization: str | None) -> bool:
        """Whether a token was issued by this tenant."""
        return self._service.tokens.knows(authorization)

    def handle(self, request: Request) -> Response:
        """Answer one request, whichever way it came in."""
        service = self._service
        first = request.path.split("/", 2)[1] if request.path.startswith("/") else ""
        # The thread of the server and those of tests and demos share the state.
        with service.lock:
            # Controls are no requests of the tenant: they are not logged, throttled or delayed.
            if first == "_emulator":
                return self._write(answer_control(self.controls, request), (), 0.0)
            if first == "scim":
                return service.answer_target(request, self.clock.now())
            # Before the request is counted: the latency must not depend on the parts of a batch.
            sequence = service.requests.sequence
            if first in VERSIONS:
                answer, rules = service.answer_graph(request, first, self.clock.now())
            else:
                answer, rules = service.answer_sign_in(request, self.clock.now()), []
            return self._write(answer, rules, choose_latency(self.settings, answer.operation, sequence))

    @staticmethod
    def _write(answer: Answer, rules: Iterable[FaultRule], delay_seconds: float) -> Response:
        headers = answer.headers
        if answer.reset:
            return Response(0, reset=True, delay_seconds=delay_seconds)  # no status: nothing is written
        if answer.raw is not None:
            return Response(answer.status, answer.raw, headers, delay_seconds)
        if answer.value is None:
            return Response(answer.status, b"", headers, delay_seconds)
        headers["content-type"] = GRAPH_TYPE
        body = orjson.dumps(answer.value)  # before faults: a truncated answer is cut in its bytes
        return Response(answer.status, truncated(tuple(rules), body) if rules else body, headers, delay_seconds)

    def transport(self) -> httpx.AsyncBaseTransport:
        """The way in from this process: pass it to an httpx client."""
        return EmulatorTransport(self.handle)

    def serve(self, port: int = 0, directory: Path | None = None) -> "Served":
        """The way in from other processes of this machine: a TLS server on localhost, for use with `with`.

        Args:
            port: 0 takes a free one.
            directory: where `ca.pem` and `env.sh` are written; a temporary one by default.
        """
        from graph_emulator.http.server import Served  # noqa: PLC0415 - uvicorn is not needed in process

        return Served(self.handle, self.settings, port, directory)

"""The emulator: one tenant behind one function, `handle`, and the two doors to it."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from graph_emulator.clock import Clock
from graph_emulator.faults.effects import truncated
from graph_emulator.faults.latency import choose_latency
from graph_emulator.faults.profiles import profile_named, settled
from graph_emulator.faults.rules import FaultRule, Faults
from graph_emulator.faults.throttle import Throttle
from graph_emulator.handlers.call import Answer
from graph_emulator.handlers.routes import ROUTES
from graph_emulator.http.control_api import control
from graph_emulator.http.graph_api import GraphApi
from graph_emulator.http.sign_in_api import answer_sign_in
from graph_emulator.http.transport import EmulatorTransport
from graph_emulator.portal_edits import act_on_job, delete_object, edit_mapping, edit_object, edit_secrets, schema_of
from graph_emulator.settings import EmulatorSettings
from graph_emulator.sign_in.token_endpoint import SignIn
from graph_emulator.sign_in.tokens import TokenIssuer
from graph_emulator.tenant import Tenant
from graph_emulator.wire.messages import Request, Response
from graph_emulator.wire.request_log import RequestLog

if TYPE_CHECKING:
    from graph_emulator.http.server import Served

GRAPH_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
OPERATIONS = frozenset(route.operation for route in ROUTES)
VERSIONS = frozenset({"v1.0", "beta"})


class Emulator:
    """A Microsoft Graph tenant that runs here.

    Args:
        settings: the tenant and its character.
        clock: the tenant's time; by default the time of day, plus what is advanced.
        faults: rules of misbehaviour beyond those of the profile.

    Raises:
        EmulatorError: unknown profile.
    """

    def __init__(
        self,
        settings: EmulatorSettings | None = None,
        clock: Clock | None = None,
        faults: Iterable[FaultRule] = (),
    ) -> None:
        self.settings = settled(settings or EmulatorSettings())
        self.clock = clock or Clock()
        self._own_rules = tuple(faults)
        Faults.check(self._own_rules, OPERATIONS)
        self._lock = threading.RLock()
        self._build()

    def _build(self) -> None:
        settings = self.settings
        tokens, log = TokenIssuer(settings), RequestLog(settings.requests_kept)
        rules = (*self._own_rules, *profile_named(settings.profile).rules)
        self._front = GraphApi(Tenant(settings), tokens, Throttle(settings), Faults(settings.seed, rules), log)
        self._sign_in = SignIn(settings, tokens)

    @property
    def requests(self) -> RequestLog:
        """The requests seen, oldest first; only so many are kept."""
        return self._front.requests

    @property
    def requests_seen(self) -> int:
        """All requests to Graph and to sign-in, also those no longer kept; parts of a batch count."""
        return self._front.requests.sequence

    @property
    def faults(self) -> Faults:
        """The rules of misbehaviour in force."""
        return self._front.faults

    @property
    def tenant(self) -> Tenant:
        """The state behind the doors."""
        return self._front.tenant

    def handle(self, request: Request) -> Response:
        """Answer one request, whatever door it came through."""
        first = request.path.split("/", 2)[1] if request.path.startswith("/") else ""
        with self._lock:
            if first == "_emulator":
                return self._write(control(self, request), (), 0.0)
            sequence = self.requests_seen
            if first in VERSIONS:
                answer, rules = self._front.answer(request, first, self.clock.now())
            else:
                answer, rules = answer_sign_in(self._sign_in, self._front, request, self.clock.now()), []
            return self._write(answer, rules, choose_latency(self.settings, answer.operation, sequence))

    @staticmethod
    def _write(answer: Answer, rules: Iterable[FaultRule], delay_seconds: float) -> Response:
        headers = answer.headers
        if answer.reset:
            return Response(0, reset=True, delay_seconds=delay_seconds)
        if answer.raw is not None:
            return Response(answer.status, answer.raw, headers, delay_seconds)
        if answer.value is None:
            return Response(answer.status, b"", headers, delay_seconds)
        headers["content-type"] = GRAPH_TYPE
        body = orjson.dumps(answer.value)
        return Response(answer.status, truncated(tuple(rules), body) if rules else body, headers, delay_seconds)

    def state(self) -> dict[str, Any]:
        """The tenant as JSON: objects, jobs, keys of secrets, counts of events."""
        with self._lock:
            return self.tenant.snapshot(self.clock.now())

    def event_ids(self) -> dict[str, list[str]]:
        """The id of every provisioning event that has happened, by service principal, oldest first."""
        with self._lock:
            self.tenant.jobs.settle(self.clock.now())
            found: dict[str, list[str]] = {}
            for event in self.tenant.log.happened(self.clock.now()):
                found.setdefault(event.principal.id, []).append(event.id)
            return found

    def add_faults(self, rules: Iterable[FaultRule]) -> None:
        """Further rules of misbehaviour, from now on.

        Raises:
            EmulatorError: a rule is about an operation that does not exist.
        """
        rules = tuple(rules)
        Faults.check(rules, OPERATIONS)
        with self._lock:
            self.faults.add(rules)

    def advance(self, seconds: float) -> None:
        """Move the tenant's clock forward."""
        self.clock.advance(seconds)

    def reject_secret(self, value: str) -> None:
        """From now on the target systems refuse this value: credentials that have gone bad."""
        with self._lock:
            self.tenant.reject_secret(value, self.clock.now())

    def quarantine(self, job_id: str, reason: str = "EncounteredQuarantineException") -> None:
        """Put a job into quarantine, as if the service had done it."""
        with self._lock:
            self.tenant.jobs.hold(job_id, reason, self.clock.now())

    def edit(self, object_id: str, changes: dict[str, Any]) -> None:
        """Change an application or a service principal behind the client's back."""
        with self._lock:
            edit_object(self.tenant, object_id, changes, self.clock.now())

    def delete(self, object_id: str, *, purge: bool = False) -> None:
        """Delete an application or a service principal behind the client's back."""
        with self._lock:
            delete_object(self.tenant, object_id, self.clock.now(), purge=purge)

    def act_on_job(self, job_id: str, action: str) -> None:
        """Start, pause, restart or delete a job behind the client's back."""
        with self._lock:
            act_on_job(self.tenant, job_id, action, self.clock.now())

    def edit_secrets(self, principal_id: str, values: dict[str, str]) -> None:
        """Change single secrets behind the client's back; an empty value removes its key."""
        with self._lock:
            edit_secrets(self.tenant, principal_id, values, self.clock.now())

    def schema(self, job_id: str) -> dict[str, Any]:
        """A copy of a job's schema."""
        with self._lock:
            return schema_of(self.tenant, job_id)

    def edit_mapping(self, job_id: str, target: str, source: str) -> None:
        """Map a target attribute of users to another source attribute behind the client's back."""
        with self._lock:
            edit_mapping(self.tenant, job_id, target, source, self.clock.now())

    def preload_events(self, principal_id: str, count: int, over_seconds: float = 6 * 86_400.0) -> None:
        """Fill the provisioning log with events of the time just past."""
        with self._lock:
            self.tenant.preload_events(principal_id, count, over_seconds, self.clock.now())

    def reset(self) -> None:
        """A tenant as new, with the same settings."""
        with self._lock:
            self._build()

    def transport(self) -> httpx.AsyncBaseTransport:
        """The door for this process: hand it to an httpx client."""
        return EmulatorTransport(self.handle)

    def serve(self, port: int = 0, directory: Path | None = None) -> "Served":
        """The door for everybody on this machine: TLS on localhost, to be entered with `with`.

        Args:
            port: 0 takes a free one.
            directory: where `ca.pem` and `env.sh` are written; a temporary one by default.
        """
        from graph_emulator.http.server import Served  # noqa: PLC0415 - uvicorn is not needed in process

        return Served(self, port, directory)

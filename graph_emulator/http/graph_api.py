"""Graph: from a request to an answer, through faults, sign-in, permissions and throttling."""

from collections.abc import Mapping
from dataclasses import dataclass

from graph_emulator.directory.directory import replica_of
from graph_emulator.faults.effects import HTML, ConnectionDropped, HtmlPage, misbehave, tamper
from graph_emulator.faults.rules import FaultRule
from graph_emulator.handlers.call import Answer, Call
from graph_emulator.handlers.directory_audits import write_audit
from graph_emulator.handlers.router import Route, Router, split_path
from graph_emulator.handlers.routes import ROUTES
from graph_emulator.service import Service
from graph_emulator.sign_in.token_endpoint import SignIn, SignInRefused, cloud_metadata
from graph_emulator.sign_in.tokens import ALL_SYNCHRONIZATION, Caller, check
from graph_emulator.wire.bodies import read_json
from graph_emulator.wire.problems import GraphProblem, Request, malformed, no_payload, untyped
from graph_emulator.wire.query_options import read_options
from graph_emulator.wire.request_log import KEPT_HEADERS, RequestRecord, parsed

ROUTER = Router(ROUTES)
TYPED = frozenset({"POST", "PATCH", "PUT"})


@dataclass(slots=True)
class GraphApi:
    """Graph itself: everything below `/v1.0` and `/beta`."""

    service: Service

    def answer(
        self, request: Request, version: str, now: float, batch: int | None = None
    ) -> tuple[Answer, list[FaultRule]]:
        """Answer a request and remember it.

        Returns:
            The answer and the faults that struck; cutting its bytes is still to be done.
        """
        sequence = self.service.requests.next_sequence()
        kept = {name: value for name in KEPT_HEADERS if (value := request.headers.get(name)) is not None}
        record = RequestRecord(sequence, now, request.method, request.path, request.query, kept, batch=batch)
        self.service.requests.keep(record)
        rules: list[FaultRule] = []
        try:
            answer = self._route(request, version, now, record, rules)
        except GraphProblem as problem:
            answer = self._refuse(problem, request, sequence, now)
        except ConnectionDropped:
            answer = Answer(0, reset=True)
        except HtmlPage as page:
            answer = Answer(page.status, raw=HTML, headers={"content-type": "text/html"})
        if rules:
            record.fault = ",".join(rule.name for rule in rules)
        record.status, answer.operation = answer.status, record.operation
        answer.headers["request-id"] = self._request_id(sequence)
        answer.headers["client-request-id"] = request.headers.get("client-request-id", self._request_id(sequence))
        return answer, rules

    def _request_id(self, sequence: int) -> str:
        return f"{self.service.settings.seed & 0xFFFFFFFF:08x}-0000-4000-8000-{sequence:012x}"

    def _refuse(self, problem: GraphProblem, request: Request, sequence: int, now: float) -> Answer:
        request_id = self._request_id(sequence)
        body = problem.error_body(request_id, request.headers.get("client-request-id", request_id), now)
        return Answer(problem.status, body, dict(problem.headers))

    def _route(
        self, request: Request, version: str, now: float, record: RequestRecord, rules: list[FaultRule]
    ) -> Answer:
        segments = split_path(request.path)[1:]
        record.body = parsed(request.body)
        route, parameters = ROUTER.find(request.method, segments)
        record.operation = route.operation
        if route.ending and version == "beta" and self.service.settings.secrets_api == "removed from beta":
            raise malformed(f"Resource not found for the segment '{segments[-1]}'.")
        if self.service.faults.rules:
            struck = self.service.faults.strike(route.operation, request.method, "/" + "/".join(segments))
            rules += (rule for rule in struck if rule.effect != "expired_token" or self._revoke(request))
            misbehave(rules, after_commit=False)
        # The token is looked at before the Content-Type, and that before the path: timfee/cep-idp, 2025-06-11.
        caller = self.service.tokens.caller(request.headers.get("authorization"), now)
        record.app = caller.app_id
        self._check_payload(request)
        options = read_options(request.query)
        headers = self.service.throttle.charge(caller.app_id, route, options, now)
        call = self._call(request, version, now, route, parameters, options, caller, record)
        answer = route.handler(call)
        write_audit(call, route.operation, answer)
        answer.headers.update(headers)
        if rules:
            misbehave(rules, after_commit=True)
            answer = tamper(rules, answer)
        return answer

    def _check_payload(self, request: Request) -> None:
        if request.method not in TYPED:
            return
        mode = self.service.settings.bodyless_writes
        if not request.headers.get("content-type") and (request.body or mode != "lenient"):
            raise untyped()
        if not request.body and mode == "need_body":
            raise no_payload()

    def _revoke(self, request: Request) -> bool:
        return self.service.tokens.refuse(request.headers.get("authorization"))

    def _call(
        self,
        request: Request,
        version: str,
        now: float,
        route: Route,
        parameters: Mapping[str, str],
        options: Mapping[str, str],
        caller: Caller,
        record: RequestRecord,
    ) -> Call:
        settings = self.service.settings
        strictly = route.unlisted and settings.unlisted_permission == "all only"
        permission = ALL_SYNCHRONIZATION if strictly else route.permission
        owned_only = check(caller, permission, synchronization=route.is_synchronization)
        body = None
        if route.body == "json":
            body = read_json(request.headers, request.body, limit_bytes=settings.body_limit_bytes)
        self.service.tenant.jobs.settle(now)
        return Call(
            self.service.tenant,
            request,
            version,
            parameters,
            options,
            body,
            caller,
            owned_only,
            now,
            record.sequence,
            replica_of(settings.seed, record.sequence)
            if settings.replication_lag_seconds or settings.templates_lag_seconds or settings.change_lag_seconds
            else 0,
            lambda step: self._step(step, version, now, record.sequence),
        )

    def _step(self, request: Request, version: str, now: float, batch: int) -> Answer:
        """One request of a batch; where its connection would break, a gateway answers instead."""
        if "/synchronization/" in request.path and not self.service.settings.batch_synchronization:
            return self._refuse(malformed("This request cannot be part of a batch."), request, batch, now)
        answer, _ = self.answer(request, version, now, batch)
        if answer.raw is not None and answer.status == 200:
            return Answer(200, int(answer.raw), answer.headers)
        if answer.reset or answer.raw is not None:
            return Answer(504 if answer.reset else answer.status)
        return answer


DISCOVERY = ("v2.0", ".well-known", "openid-configuration")
METADATA = ("metadata", "endpoints")
TOKEN = ("oauth2", "v2.0", "token")


def answer_sign_in(service: Service, request: Request, now: float) -> Answer:
    """Answer a request to the identity platform and remember it, without its body."""
    requests = service.requests
    record = RequestRecord(requests.next_sequence(), now, request.method, request.path, request.query, {})
    requests.keep(record)
    tenant, *rest = split_path(request.path)
    try:
        answer = _answer(service.sign_in, request, tenant, tuple(rest), record, now)
    except SignInRefused as refused:
        trace = f"{record.sequence:032x}"
        correlation = request.headers.get("client-request-id", trace)
        answer = Answer(refused.status, refused.as_entra(trace, correlation, now))
    record.status, answer.operation = answer.status, record.operation
    return answer


def _answer(
    sign_in: SignIn, request: Request, tenant: str, rest: tuple[str, ...], record: RequestRecord, now: float
) -> Answer:
    if request.method == "GET" and (tenant, *rest) == METADATA:
        record.operation = "cloud_metadata"
        return Answer(200, cloud_metadata(request.root))
    if request.method == "GET" and rest == DISCOVERY:
        record.operation = "openid_configuration"
        return Answer(200, sign_in.configuration(tenant, request.root))
    if request.method == "GET" and rest == ("discovery", "instance"):
        record.operation = "instance_discovery"
        return Answer(200, sign_in.instances(request.root))
    if request.method == "GET" and rest == ("discovery", "v2.0", "keys"):
        record.operation = "signing_keys"
        return Answer(200, {"keys": []})
    if request.method == "POST" and rest == TOKEN:
        record.operation = "token"
        address = f"{request.root}{request.path}"
        return Answer(200, sign_in.token(tenant, request.body, address, now))
    return Answer(
        404, {"error": {"code": "NotFound", "message": f"{request.method} {request.path[:200]}: no such address."}}
    )

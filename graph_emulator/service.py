"""The service behind both ways in: from a request to an answer, through faults, sign-in, permissions and throttling."""

import threading
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from graph_emulator.clock import Clock
from graph_emulator.directory.directory import replica_of
from graph_emulator.directory.signing_certificates import (
    metadata_certificates,
    private_key_of,
    tenant_certificate,
)
from graph_emulator.estate import build_estate
from graph_emulator.faults.effects import HTML, ConnectionDropped, HtmlPage, raise_fault, tamper
from graph_emulator.faults.profiles import apply_profile, profile_named
from graph_emulator.faults.rules import FaultRule, Faults
from graph_emulator.faults.throttle import Throttle
from graph_emulator.handlers.call import Answer, Call
from graph_emulator.handlers.directory_audits import write_audit
from graph_emulator.handlers.router import Route, Router, split_path
from graph_emulator.handlers.routes import OPERATIONS, ROUTES
from graph_emulator.settings import EmulatorSettings
from graph_emulator.sign_in.federation_metadata import CONTENT_TYPE, write_metadata
from graph_emulator.sign_in.token_endpoint import SignIn, SignInRefused, cloud_metadata
from graph_emulator.sign_in.tokens import ALL_SYNCHRONIZATION, Caller, TokenIssuer, check
from graph_emulator.tenant import Neighbors, Tenant
from graph_emulator.wire.bodies import read_json
from graph_emulator.wire.odata import read_options
from graph_emulator.wire.problems import GraphProblem, Request, Response, body_missing, content_type_missing, malformed
from graph_emulator.wire.request_log import KEPT_HEADERS, RequestLog, RequestRecord, parsed

ROUTER = Router(ROUTES)
TYPED = frozenset({"POST", "PATCH", "PUT"})  # Graph's gateway excludes DELETE


class Service:
    """Microsoft Graph and the identity platform for one tenant, with all their state.

    `lock` guards the state, which `reset` replaces: callers of a method hold the lock.

    Args:
        settings: the tenant and its behaviour.
        clock: the tenant's time.
        faults: fault rules in addition to those of the profile.
        neighbors: the tenants of the same cloud, which share its lock; None for a tenant that is alone.

    Raises:
        EmulatorError: an unknown profile, or a rule about an unknown operation.
    """

    def __init__(
        self,
        settings: EmulatorSettings,
        clock: Clock,
        faults: Iterable[FaultRule] = (),
        neighbors: Neighbors | None = None,
    ) -> None:
        self.settings = apply_profile(settings)
        self.clock = clock
        self._neighbors = neighbors
        # Reentrant: controls are answered under it, and take it again.
        self.lock = neighbors.lock if neighbors else threading.RLock()
        self._own_rules = tuple(faults)
        Faults.check(self._own_rules, OPERATIONS)
        self.reset()

    def reset(self) -> None:
        """Start again with an empty tenant and the same settings."""
        settings = self.settings
        with self.lock:
            self.tenant = Tenant(settings, self._neighbors)
            if self._neighbors:
                self._neighbors.tenants[settings.tenant_id] = self.tenant
            # Part of every reset: a tenant that has grown for years has its past from the beginning.
            build_estate(self.tenant, self.clock.now())
            self.tokens = TokenIssuer(settings)
            self.sign_in = SignIn(settings, self.tokens)
            self.throttle = Throttle(settings)
            self.faults = Faults(settings.seed, (*self._own_rules, *profile_named(settings.profile).rules))
            self.requests = RequestLog(settings.requests_kept)

    def answer_graph(
        self, request: Request, version: str, now: float, batch: int | None = None
    ) -> tuple[Answer, list[FaultRule]]:
        """Answer a request below `/v1.0` or `/beta`, and log it.

        Returns:
            The answer and the faults that applied; truncating its bytes is left to the caller.
        """
        sequence = self.requests.next_sequence()
        kept = {name: value for name in KEPT_HEADERS if (value := request.headers.get(name)) is not None}
        record = RequestRecord(sequence, now, request.method, request.path, request.query, kept, batch=batch)
        self.requests.keep(record)
        rules: list[FaultRule] = []
        try:
            answer = self._route(request, version, now, record, rules)
        except GraphProblem as problem:
            answer = self._refuse(problem, request, sequence, now)
        except ConnectionDropped:
            # No status: the way in breaks the connection.
            answer = Answer(0, reset=True)
        except HtmlPage as page:
            answer = Answer(page.status, raw=HTML, headers={"content-type": "text/html"})
        if rules:
            record.fault = ",".join(rule.name for rule in rules)  # tests read from it which fault hit which request
        record.status, answer.operation = answer.status, record.operation
        answer.headers["request-id"] = self._request_id(sequence)
        answer.headers["client-request-id"] = request.headers.get("client-request-id", self._request_id(sequence))
        return answer, rules

    def answer_target(self, request: Request, now: float) -> Response:
        """Answer a request to a target system that runs here, and remember it without its body and token."""
        record = RequestRecord(self.requests.next_sequence(), now, request.method, request.path, request.query, {})
        self.requests.keep(record)
        answer = self.tenant.scim.answer(request, now)
        record.operation, record.status = "scim", answer.status
        return answer

    def _request_id(self, sequence: int) -> str:
        return f"{self.settings.seed & 0xFFFFFFFF:08x}-0000-4000-8000-{sequence:012x}"

    def _refuse(self, problem: GraphProblem, request: Request, sequence: int, now: float) -> Answer:
        request_id = self._request_id(sequence)
        body = problem.error_body(request_id, request.headers.get("client-request-id", request_id), now)
        return Answer(problem.status, body, dict(problem.headers))

    def _route(
        self, request: Request, version: str, now: float, record: RequestRecord, rules: list[FaultRule]
    ) -> Answer:
        segments = split_path(request.path)[1:]
        # Before the route is found: the log also shows what was sent to a wrong path.
        record.body = parsed(request.body)
        route, parameters = ROUTER.find(request.method, segments)
        record.operation = route.operation
        # beta announces the removal of these calls for 2027-07-06; the switch answers as it will be then.
        if route.ending and version == "beta" and self.settings.secrets_api == "removed from beta":
            raise malformed(f"Resource not found for the segment '{segments[-1]}'.")
        if self.faults.rules:
            # A revoked token is a fault only if the token is not spared: see TokenIssuer.refuse.
            struck = self.faults.strike(route.operation, request.method, "/" + "/".join(segments))
            rules += (rule for rule in struck if rule.effect != "expired_token" or self._revoke(request))
            raise_fault(rules, after_commit=False)
        # The token is looked at before the Content-Type, and that before the path: timfee/cep-idp, 2025-06-11.
        caller = self.tokens.caller(request.headers.get("authorization"), now)
        record.app = caller.app_id
        self._check_payload(request)
        options = read_options(request.query)
        # After the sign-in, for budgets are per application, and before the work: a throttled write does nothing.
        headers = self.throttle.charge(caller.app_id, route, options, now)
        call = self._call(request, version, now, route, parameters, options, caller, record)
        answer = route.handler(call)
        # Only of what succeeded: a handler that refuses raises, and does not come here.
        write_audit(call, route.operation, answer)
        answer.headers.update(headers)
        if rules:
            raise_fault(rules, after_commit=True)
            answer = tamper(rules, answer)
        return answer

    def _check_payload(self, request: Request) -> None:
        if request.method not in TYPED:
            return
        mode = self.settings.bodyless_writes
        if not request.headers.get("content-type") and (request.body or mode != "lenient"):
            raise content_type_missing()
        if not request.body and mode == "need_body":
            raise body_missing()

    def _revoke(self, request: Request) -> bool:
        return self.tokens.refuse(request.headers.get("authorization"))

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
        settings = self.settings
        strictly = route.unlisted and settings.unlisted_permission == "all only"
        permission = ALL_SYNCHRONIZATION if strictly else route.permission
        owned_only = check(caller, permission, synchronization=route.is_synchronization)
        body = None
        if route.body == "json":
            body = read_json(request.headers, request.body, limit_bytes=settings.body_limit_bytes)
        # Jobs run only when someone looks: first process everything that is due.
        self.tenant.settle(now)
        lags = (
            settings.replication_lag_seconds
            or settings.templates_lag_seconds
            or settings.change_lag_seconds
            or settings.key_credentials_lag_seconds
        )
        return Call(
            tenant=self.tenant,
            request=request,
            version=version,
            parameters=parameters,
            options=options,
            body=body,
            caller=caller,
            owned_only=owned_only,
            now=now,
            sequence=record.sequence,
            # By request, as at Graph: two reads in a row may come from different replicas.
            replica=replica_of(settings.seed, record.sequence) if lags else 0,
            send=lambda step: self._step(step, version, now, record.sequence),
        )

    def _step(self, request: Request, version: str, now: float, batch: int) -> Answer:
        """One request of a batch; where its connection would break, a gateway answers instead."""
        if "/synchronization/" in request.path and not self.settings.batch_synchronization:
            return self._refuse(malformed("This request cannot be part of a batch."), request, batch, now)
        answer, _ = self.answer_graph(request, version, now, batch)
        if answer.raw is not None and answer.status == 200:
            return Answer(200, int(answer.raw), answer.headers)  # a count is a JSON number in a batch
        if answer.reset or answer.raw is not None:
            # A part of a batch has no connection of its own that could break.
            return Answer(504 if answer.reset else answer.status)
        return answer

    def answer_sign_in(self, request: Request, now: float) -> Answer:
        """Answer a request to the identity platform, and log it without its body."""
        record = RequestRecord(self.requests.next_sequence(), now, request.method, request.path, request.query, {})
        self.requests.keep(record)
        tenant, *rest = split_path(request.path)
        try:
            if request.method == "GET" and tuple(map(str.lower, rest)) == METADATA_DOCUMENT:
                record.operation = "federation_metadata"
                answer = self._answer_metadata(request, tenant, now)
            else:
                self._raise_sign_in_fault(request, tuple(rest), record)
                answer = _answer_sign_in(self.sign_in, request, tenant, tuple(rest), record, now)
        except ConnectionDropped:
            answer = Answer(0, reset=True)
        except SignInRefused as refused:
            trace = f"{record.sequence:032x}"
            correlation = request.headers.get("client-request-id", trace)
            answer = Answer(refused.status, refused.as_entra(trace, correlation, now))
        record.status, answer.operation = answer.status, record.operation
        return answer

    def _raise_sign_in_fault(self, request: Request, rest: tuple[str, ...], record: RequestRecord) -> None:
        """Refuse a sign-in that a fault rule hits; one such as `token: 401` refuses this tenant to every client."""
        if request.method != "POST" or rest != TOKEN or not self.faults.rules:
            return
        for rule in self.faults.strike_sign_in():
            record.operation, record.fault = "token", rule.name
            if rule.effect == "reset":
                raise ConnectionDropped
            if rule.status >= 500 or rule.status == 429:
                raise SignInRefused(90033, "temporarily_unavailable", "A transient error has occurred.", rule.status)
            number = int(rule.code) if rule.code and rule.code.isdigit() else 7000215
            raise SignInRefused(number, "invalid_client", "Invalid client secret provided.", rule.status)

    def _answer_metadata(self, request: Request, tenant: str, now: float) -> Answer:
        """The federation metadata of the application in the query, or of the tenant."""
        self.sign_in.check_tenant(tenant)
        tenant_id, app_id = self.settings.tenant_id, dict(parse_qsl(request.query)).get("appid", "").lower()
        # Without an active one of the application, the tenant's own signs.
        certificates = self._certificates_of(app_id, now) or [tenant_certificate(tenant_id)]
        key, parts = private_key_of(certificates[0]), (tenant_id, app_id, int(now))
        document = write_metadata(tenant_id, request.root, certificates, key, parts)
        return Answer(200, raw=document, headers={"content-type": CONTENT_TYPE})

    def _certificates_of(self, app_id: str, now: float) -> list[bytes]:
        if not app_id:
            return []
        for entry in self.tenant.directory.live["servicePrincipal"].values():
            if entry.value["appId"] == app_id:
                entry.settle(now)
                return metadata_certificates(entry.value, now, whole=self.settings.federation_metadata == "all")
        raise self.sign_in.application_unknown(app_id)


METADATA_DOCUMENT = ("federationmetadata", "2007-06", "federationmetadata.xml")
DISCOVERY = ("v2.0", ".well-known", "openid-configuration")
METADATA = ("metadata", "endpoints")
TOKEN = ("oauth2", "v2.0", "token")


def _answer_sign_in(
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
        return Answer(200, {"keys": []})  # tokens are opaque to clients, so no key is published
    if request.method == "POST" and rest == TOKEN:
        record.operation = "token"
        address = f"{request.root}{request.path}"
        return Answer(200, sign_in.token(tenant, request.body, address, now))
    return Answer(
        404, {"error": {"code": "NotFound", "message": f"{request.method} {request.path[:200]}: no such address."}}
    )

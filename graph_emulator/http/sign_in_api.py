"""The requests that are not for Graph: signing in, and what a cloud says of its hosts."""

from graph_emulator.handlers.call import Answer
from graph_emulator.handlers.router import split_path
from graph_emulator.service import Service
from graph_emulator.sign_in.metadata import cloud_metadata
from graph_emulator.sign_in.token_endpoint import SignIn, SignInRefused
from graph_emulator.wire.messages import Request
from graph_emulator.wire.request_log import RequestRecord

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

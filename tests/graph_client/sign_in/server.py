"""A sign-in service: OpenID configuration and token endpoint, as a blocking transport."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import httpx

from tests.graph_client.doubles import SIGN_IN

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
CLIENT = "1b2c3d4e-0000-4000-8000-000000000001"
SECRET = 'cl1ent~secret"+/é'


def jwt(**claims: Any) -> str:
    """An unsigned token with these claims."""

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part(claims)}.signature"


class SignInServer:
    """Gives tokens; `faults` are answered or raised first, at the endpoint whose path ends as given.

    A fault may be a function of the request.
    """

    def __init__(self, authority: str = SIGN_IN, expires_in: int = 3600) -> None:
        self.authority = authority
        self.expires_in = expires_in
        self.requests: list[httpx.Request] = []
        self.faults: list[tuple[str, Any]] = []

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)

    @property
    def forms(self) -> list[dict[str, str]]:
        """The forms posted to the token endpoint."""
        posted = [request for request in self.requests if request.url.path.endswith("/token")]
        return [{k: v[0] for k, v in parse_qs(request.content.decode()).items()} for request in posted]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        for number, (path, fault) in enumerate(self.faults):
            if request.url.path.endswith(path):
                del self.faults[number]
                if isinstance(fault, BaseException):
                    raise fault
                return fault(request) if callable(fault) else fault
        if request.url.path.endswith("/.well-known/openid-configuration"):
            return httpx.Response(200, json=self.configuration(request.url.path.split("/")[1]))
        if request.url.path.endswith("/token"):
            count = len(self.forms)
            token = jwt(tid=TENANT, appid=CLIENT, oid="o", roles=["Application.Read.All"], number=count)
            body = {"token_type": "Bearer", "expires_in": self.expires_in, "access_token": token}
            return httpx.Response(200, json=body)
        return httpx.Response(404)

    def configuration(self, tenant: str) -> dict[str, str]:
        root = f"{self.authority}/{tenant}"
        return {
            "issuer": f"{root}/v2.0",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "token_endpoint": f"{root}/oauth2/v2.0/token",
        }


def aadsts(number: int, message: str, error: str = "invalid_client", status: int = 401) -> httpx.Response:
    """An error of the sign-in service, worded as it words them."""
    description = (
        f"AADSTS{number}: {message} Trace ID: 11111111-trace Correlation ID: 22222222-correlation "
        "Timestamp: 2026-05-01 12:00:00Z"
    )
    body = {
        "error": error,
        "error_description": description,
        "error_codes": [number],
        "trace_id": "11111111-trace",
        "correlation_id": "22222222-correlation",
    }
    return httpx.Response(status, json=body)

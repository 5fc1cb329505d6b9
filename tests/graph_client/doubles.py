"""Time that passes without waiting, and a Graph that answers from a script."""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from graph_client import GraphClient, GraphSettings, StaticTokens

GRAPH = "https://graph.example"
SIGN_IN = "https://login.example"
TOKEN = "a-token-that-must-stay-here"
SETTINGS = GraphSettings(graph_url=GRAPH, authority=SIGN_IN)


@dataclass
class FakeTime:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(float(seconds))
        self.now += seconds
        # Others get their turn, as they would while time passes.
        await asyncio.sleep(0)


class Script:
    """Answers requests in turn; the last step answers all that follow.

    A step is an answer, an exception to raise, or a function of the request that gives one of them.
    """

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        # A copy: the client may change its request to send it again.
        self.requests.append(
            httpx.Request(
                request.method,
                request.url,
                headers=request.headers,
                content=request.content,
                extensions=request.extensions,
            )
        )
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if callable(step) and not isinstance(step, (httpx.Response, BaseException)):
            step = step(request)
        if isinstance(step, BaseException):
            raise step
        return httpx.Response(step.status_code, headers=step.headers, content=step.content)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)

    def bodies(self) -> list[Any]:
        return [json.loads(request.content) if request.content else None for request in self.requests]


def client(script: Callable[..., Any], time: FakeTime | None = None, **changes: Any) -> GraphClient:
    """A client of the script, with a static token."""
    time = time or FakeTime()
    settings = GraphSettings(**{"graph_url": GRAPH, "authority": SIGN_IN, **changes})
    transport = httpx.MockTransport(script)
    return GraphClient(settings, StaticTokens(TOKEN), transport=transport, sleep=time.sleep, clock=time.clock)


def answer(status: int = 200, body: Any = None, **headers: str) -> httpx.Response:
    """An answer; keyword `retry_after` is the header Retry-After."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return (
        httpx.Response(status, headers=names, json=body) if body is not None else httpx.Response(status, headers=names)
    )


def refusal(status: int, code: str = "", message: str = "", **headers: str) -> httpx.Response:
    """An error answer in Graph's envelope."""
    inner = {"request-id": "req-1", "client-request-id": "cli-1", "date": "2026-05-01T12:00:00"}
    return answer(status, {"error": {"code": code, "message": message, "innerError": inner}}, **headers)


def page(items: Iterable[Any], link: str | None = None) -> httpx.Response:
    """A page of a collection."""
    return answer(200, {"value": list(items), **({"@odata.nextLink": link} if link else {})})

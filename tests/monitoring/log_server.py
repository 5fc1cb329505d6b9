"""A provisioning log behind the real client: answers `GET /auditLogs/provisioning`, and nothing else."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from graph_client import GraphClient, GraphSettings, StaticTokens

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
OURS = "0f1e2d3c-0000-4000-8000-000000000001"
THEIRS = "0f1e2d3c-0000-4000-8000-00000000000f"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

FILTER = re.compile(r"activityDateTime gt (\S+) and activityDateTime lt (\S+)")


def v1_event(id_: str, at: datetime, *, principal: str = OURS, **given) -> dict:
    """An event of v1.0's shape, with seven digits after the second as Graph writes them."""
    return {
        "id": id_,
        "activityDateTime": at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z",
        "tenantId": TENANT,
        "jobId": f"scim.{principal}",
        "cycleId": "cycle-1",
        "changeId": "change-1",
        "durationInMilliseconds": 517,
        "provisioningAction": "create",
        "provisioningStatusInfo": {"status": "success", "errorInformation": None},
        "servicePrincipal": {"id": principal, "displayName": "Databricks Prod EU"},
        "sourceIdentity": {"id": "u1", "displayName": "Adele Vance", "identityType": "user", "details": {}},
        "targetIdentity": {"id": "t1", "displayName": "adele", "identityType": "User", "details": {}},
        "provisioningSteps": [],
        "modifiedProperties": [],
        **given,
    }


class LogServer:
    """The log of a tenant; the transport of a client.

    `fault` is called with the number of the request, from 1 on, before it is answered: it may raise, wait, return
    an answer of its own, or return None to let it pass. An event is shown from its moment in `arrivals` on, as
    `clock` goes; one without is always shown. A page with an event of `broken` is cut off, and a link to a page
    farther than `pages_linked` has expired.
    """

    def __init__(self, events: list[dict] | None = None) -> None:
        self.events = events or []
        self.arrivals: dict[str, datetime] = {}
        self.clock = NOW
        self.broken: set[str] = set()
        self.pages_linked: int | None = None
        self.expired_status = 410
        self.requests: list[httpx.Request] = []
        self.fault: Callable[[int], Any] = lambda number: None
        self._slept_seconds = 0.0

    def client(self) -> GraphClient:
        return GraphClient(
            GraphSettings.for_cloud("global"),
            StaticTokens("token"),
            transport=httpx.MockTransport(self.answer),
            sleep=self._sleep,
            clock=lambda: self._slept_seconds,
        )

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.fault(len(self.requests))
        if isawaitable(answer):
            answer = await answer
        return answer or self._page(request)

    def _page(self, request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("GET", "/v1.0/auditLogs/provisioning")
        query = parse_qs(urlsplit(str(request.url)).query)
        after, before = map(datetime.fromisoformat, FILTER.fullmatch(query["$filter"][0]).groups())
        top, skipped = int(query["$top"][0]), int(query.get("$skiptoken", ["0"])[0])
        found = [event for event in self.events if after < moment_of(event) < before and self._has_arrived(event)]
        found.sort(key=moment_of)
        if self.pages_linked is not None and skipped >= self.pages_linked * top:
            return httpx.Response(self.expired_status, json={"error": {"code": "skipTokenExpired", "message": "Gone"}})
        page = found[skipped : skipped + top]
        if any(event["id"] in self.broken for event in page):
            return httpx.Response(200, text='{"value": [{"id": "cut o', headers={"request-id": "r-1"})
        body = {"value": page}
        if len(found) > skipped + top:
            body["@odata.nextLink"] = str(request.url.copy_merge_params({"$skiptoken": skipped + top}))
        return httpx.Response(200, content=json.dumps(body), headers={"content-type": "application/json"})

    def _has_arrived(self, event: dict) -> bool:
        return event["id"] not in self.arrivals or self.arrivals[event["id"]] <= self.clock

    async def _sleep(self, seconds: float) -> None:
        self._slept_seconds += seconds


def moment_of(event: dict) -> datetime:
    return datetime.fromisoformat(event["activityDateTime"])


def minutes_ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)

"""The part of Prefect's API that a flow run asks for, answered by the command itself.

A command that is given no Prefect server has no UI either: its own server would end before anyone could look at it, and
starting one costs four seconds of processor time. The engine is Prefect's all the same; only what it reports is kept in
this process, and forgotten with it. So the steps of an instance are no task runs here. What is to last is in the store.

What a run asks for: https://docs.prefect.io/v3/api-ref/rest-api. Any other path is 404, as for a server on which
there are no blocks and no deployments.
"""

import base64
import hmac
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from uuid import uuid4

import prefect
from prefect.events.clients import NullEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

from flows.run.task_runner import leave_steps_unrecorded

_BASE = "/api"

Document = dict[str, Any]
Answer = tuple[int, Any]
"""The status and the body, None for none."""


class Runs:
    """Flows, their runs and their artifacts, as Prefect's API shows them."""

    def __init__(self) -> None:
        self._kept: dict[str, Document] = {}

    def answer(self, method: str, path: str, body: Any) -> Answer:
        """Answer one request.

        Args:
            method: GET, POST or PATCH.
            path: Below the API's base, without query.
            body: The document that was sent; None if there was none.
        """
        for wanted, pattern, handle in self._ROUTES:
            if wanted == method and (found := pattern.fullmatch(path)):
                return handle(self, body, *found.groups())
        return 404, {"detail": "Not Found"}

    def _version(self, _: Any) -> Answer:
        # Prefect's client compares it with its own.
        return 200, prefect.__version__

    def _create(self, body: Document) -> Answer:
        now = datetime.now(UTC).isoformat()
        made = {"id": str(uuid4()), "created": now, "updated": now, **body}
        if isinstance(state := made.get("state"), dict):
            made["state"] = _complete(state, made["id"])
        self._kept[made["id"]] = made
        return 201, made

    def _read(self, _: Any, key: str) -> Answer:
        found = self._kept.get(key)
        return (200, found) if found else (404, {"detail": "Not Found"})

    def _update(self, body: Document, key: str) -> Answer:
        if key not in self._kept:
            return 404, {"detail": "Not Found"}
        self._kept[key].update(body)
        return 204, None

    def _set_state(self, body: Document, key: str) -> Answer:
        if key not in self._kept:
            return 404, {"detail": "Not Found"}
        state = _complete(body["state"], key)
        self._kept[key] |= {"state": state, "state_type": state["type"], "state_name": state["name"]}
        # Always accepted: there are no concurrency limits or pauses to enforce.
        return 201, {"state": state, "status": "ACCEPT", "details": {"type": "accept_details"}}

    def _none_found(self, _: Any, __: str) -> Answer:
        return 200, []

    def _take(self, _: Any) -> Answer:
        return 204, None

    _ROUTES: ClassVar[list[tuple[str, re.Pattern[str], Callable[..., Answer]]]] = [
        (method, re.compile(pattern), handle)
        for method, pattern, handle in (
            ("GET", "/admin/version", _version),
            ("POST", "/(?:flows|flow_runs|artifacts)/", _create),
            ("GET", "/(?:flows|flow_runs|artifacts)/([0-9a-f-]+)", _read),
            ("PATCH", "/(?:flow_runs|artifacts)/([0-9a-f-]+)", _update),
            ("POST", "/flow_runs/([0-9a-f-]+)/set_state", _set_state),
            ("POST", "/(flow_runs|deployments)/filter", _none_found),
            ("POST", "/events", _take),
        )
    ]


def _complete(state: Document, run_id: str) -> Document:
    """Add to a new state what the server adds: its id, its time, its name, and the run that it is of."""
    details = {**(state.get("state_details") or {}), "flow_run_id": run_id}
    given = {key: value for key, value in state.items() if value is not None}
    return {
        "id": str(uuid4()),
        "timestamp": datetime.now(UTC).isoformat(),
        "name": str(state["type"]).title(),
        **given,
        "state_details": details,
    }


@contextmanager
def serve_local_api(auth_string: str) -> Iterator[str]:
    """Serve the API on the loopback interface, and yield its URL.

    Args:
        auth_string: User and password that a client has to know, as USER:PASSWORD.
    """
    server = _server(Runs(), "Basic " + base64.b64encode(auth_string.encode()).decode())
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    # Its client would open a websocket, which this server does not have.
    EventsWorker.set_client_override(NullEventsClient)
    try:
        # There is no UI that could show logs and steps.
        with leave_steps_unrecorded(), temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: False}):
            yield f"http://127.0.0.1:{server.server_port}{_BASE}"
    finally:
        EventsWorker.set_client_override(None)
        server.shutdown()
        serving.join()
        server.server_close()


def _server(runs: Runs, authorization: str) -> ThreadingHTTPServer:
    guard = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer in one packet: in two, the second waits for the first to be acknowledged.
        wbufsize = -1

        def _handle(self) -> None:
            # Read even if it is refused: unread bytes would be taken for the next request.
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            # Any process of this machine can reach the port.
            if not hmac.compare_digest(self.headers.get("Authorization", "").encode(), authorization.encode()):
                status, document = 401, {"detail": "Unauthorized"}
            else:
                path = self.path.partition("?")[0].removeprefix(_BASE)
                with guard:
                    status, document = runs.answer(self.command, path, json.loads(sent) if sent else None)
            body = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = _handle  # noqa: N815  # http.server calls them so

        def log_message(self, *_: object) -> None:
            """Say nothing on the command's terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server

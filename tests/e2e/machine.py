"""`entra-fleet up` as a process, and what a person or a program asks of its server."""

import json
import re
import signal
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx

from flows.cli.processes.process_tree import descendants, is_running
from tests.cli.conftest import started

PATIENCE_SECONDS = 250


def until(ready, *, what):
    """What `ready` returns, as soon as it is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := ready()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


class Machine:
    """A running `up`."""

    def __init__(self, home, *arguments, start=started, **variables):
        self.home = home
        self.api = None
        self.process = start("up", "--dir", home, *arguments, PREFECT_API_URL="", **variables)
        self.said = deque()
        self._complained = []
        self._readers = [
            threading.Thread(target=kept.extend, args=(stream,), daemon=True)
            for kept, stream in ((self.said, self.process.stdout), (self._complained, self.process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def wait_until_up(self):
        until(lambda: any("files" in line for line in self.said) or self.process.poll() is not None, what="up")
        assert self.process.poll() is None, self.complaint
        self.url = re.search(r"http://\S+", self.text)[0]
        user, _, password = (self.home / "auth-string").read_text().strip().partition(":")
        self.api = httpx.Client(base_url=f"{self.url}/api", auth=(user, password), trust_env=False, timeout=30)
        token = self.api.get("/csrf-token", params={"client": "test"}).json()["token"]
        self.api.headers.update({"Prefect-Csrf-Client": "test", "Prefect-Csrf-Token": token})
        return self

    @property
    def text(self):
        return "".join(self.said)

    @property
    def complaint(self):
        return "".join(self._complained)

    def processes(self):
        return descendants(self.process.pid)

    def stop(self, number=signal.SIGINT):
        """End it as Ctrl-C does; return which of its processes are left, and its exit code."""
        family = self.processes()
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_SECONDS)
        self.close()
        # One that has ended and lost its parent stays a zombie until the machine's first process takes notice.
        return [each for each in family if is_running(each)], code

    def close(self):
        """Let go of it, however it ended."""
        self.process.kill()
        self.process.wait()
        for reader, stream in zip(self._readers, (self.process.stdout, self.process.stderr), strict=True):
            reader.join()
            stream.close()
        if self.api:
            self.api.close()

    def ask(self, method, path, body=None):
        """The server's answer."""
        return self.api.request(method, path, json=body)

    def change(self, path, **body):
        self.ask("PATCH", path, body).raise_for_status()

    def find(self, what, **body):
        return self.ask("POST", f"/{what}/filter", body).raise_for_status().json()

    def deployment(self, name):
        return next(each for each in self.find("deployments") if each["name"] == name)

    def run(self, name, **parameters):
        """Ask for a run over HTTP; return its answer."""
        path = f"/deployments/{self.deployment(name)['id']}/create_flow_run"
        return self.ask("POST", path, {"parameters": parameters})

    def runs(self, name):
        return self.find("flow_runs", deployments={"name": {"any_": [name]}})

    def ended(self, run_id):
        """The run, as soon as it has ended."""

        def look():
            run = self.ask("GET", f"/flow_runs/{run_id}").json()
            return run if run["state"]["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None

        return until(look, what=f"run {run_id}")

    def artifact(self, key):
        return self.ask("GET", f"/artifacts/{key}/latest").json()["data"]

    def automations(self):
        return {each["name"]: each for each in self.find("automations", sort="CREATED_DESC", limit=50, offset=0)}


class Webhook:
    """Takes what notification blocks send."""

    def __init__(self):
        self.taken = []
        taken = self.taken

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

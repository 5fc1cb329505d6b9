"""What was started with which credentials, as it went over the wire."""

import json
from collections import defaultdict

SETTINGS = {"SyncAll", "SyncNotificationSettings", "SkipOutOfScopeDeletions"}


class Starts:
    """Carries requests to a tenant, and notes the first starts whose credentials nobody had validated.

    Attributes:
        unproven: the service principals of such starts.
        first: the service principals of all first starts.
    """

    def __init__(self, emulator):
        self._emulator = emulator
        self.unproven = []
        self.first = []
        self.begin_run()

    def begin_run(self):
        """Forget what earlier runs validated: targets may have changed their minds since."""
        self._proven = defaultdict(list)

    async def __call__(self, request, graph):
        action = request.url.path.rpartition("/")[2]
        if "servicePrincipals" not in request.url.path or request.method != "POST":
            return await graph.handle_async_request(request)
        principal = request.url.path.split("/")[3]
        if action in {"start", "restart"}:
            self._note(principal, request.url.path.split("/")[-2])
        answer = await graph.handle_async_request(request)
        if action == "validateCredentials" and answer.status_code == 204:
            self._proven[principal].append(self._tried(principal, json.loads(request.content)))
        return answer

    def _note(self, principal, job_id):
        jobs = self._emulator.controls.state()["jobs"].get(principal, [])
        status = next((job["status"] for job in jobs if job["id"] == job_id), None)
        if status is None or (status["lastExecution"] or {}).get("timeBegan", "0001") > "0002":
            return
        self.first.append(principal)
        if self._held(principal) not in self._proven[principal]:
            self.unproven.append(principal)

    def _tried(self, principal, body):
        if body.get("useSavedCredentials"):
            return self._held(principal)
        return {pair["key"]: pair["value"] for pair in body["credentials"]}

    def _held(self, principal):
        values = self._emulator.tenant.secrets_of(principal).values
        return {key: value for key, value in values.items() if key not in SETTINGS}

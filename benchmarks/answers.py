"""How long `why` and `report` take on a million events, in a store as a big tenant's thirty days would fill it."""

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.measure import Figure
from flows.store import JobObservation, Store, open_store
from graph_client.models import ProvisioningEvent

EVENTS, USERS, APPLICATIONS = 1_000_000, 50_000, 1000
FILLED = "ENTRA_FLEET_BENCHMARK_STORE"
"""URL of a store that an earlier run has filled, or that is to be filled and kept; it takes some ten minutes."""
TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
DAYS = 30
PAGE = 1000
CODES = ("EntryConflict", "InsufficientRights", "DuplicateTargetEntries", "TooManyRequests", "BoxEntryConflict")


def answers() -> list[Figure]:
    """Ask a crowded store, each time in a process of its own as a person does."""
    with tempfile.TemporaryDirectory() as directory:
        url = os.environ.get(FILLED) or f"sqlite:///{directory}/store.db"
        with open_store(url) as store:
            if not store.coverage():
                fill(store, EVENTS, USERS, APPLICATIONS)
        page = Path(directory) / "report.html"
        sought = (guid("user", 7), "person000007@contoso.example", "Person 000007", "000007@CON", "nobody")
        slowest = max(_seconds("why", who, "--store", url) for who in sought)
        whole = _seconds("report", "--out", str(page), "--store", url)
        kilobytes = page.stat().st_size / 1000
    what = f"{EVENTS:,} events of {APPLICATIONS:,} applications"
    return [
        Figure(f"`why` on {what}, start included", "≤ 1 s", _shown(slowest)),
        Figure(f"`report` on {what}", "≤ 10 s", _shown(whole)),
        Figure("size of that page", "< 1 MB", f"{kilobytes:.0f} KB"),
    ]


def _shown(times: tuple[float, float]) -> str:
    return f"{times[0]:.1f} s of processor time, {times[1]:.1f} s by the clock"


def _seconds(*arguments: str) -> tuple[float, float]:
    """Return the processor time and the time that a command takes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "flows.cli", *arguments]
    subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own command
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, took


def guid(*parts: object) -> str:
    """A guid that is the same in every run."""
    return str(UUID(int=random.Random(repr(parts)).getrandbits(128), version=4))  # noqa: S311 - made up


def events(count: int, users: int, applications: int, now: datetime) -> Iterator[ProvisioningEvent]:
    """Events of cycles of 500, spread over the days; one of twenty fails."""
    dice = random.Random(1)  # noqa: S311 - made up
    principals = [guid("application", number) for number in range(applications)]
    people = [guid("user", number) for number in range(users)]
    for number in range(count):
        cycle = number // 500
        application, user = cycle % applications, dice.randrange(users)
        began = now - timedelta(days=DAYS) * (1 - cycle * 500 / count)
        yield ProvisioningEvent.parse(
            event(number, cycle, principals[application], application, people[user], user, began, dice)
        )


def event(
    number: int,
    cycle: int,
    principal: str,
    application: int,
    user_id: str,
    user: int,
    began: datetime,
    dice: random.Random,
) -> dict[str, Any]:
    """One event as Graph sends it, of about 2 KB."""
    failed = dice.random() < 0.05
    name = f"Person {user:06d}"
    error = {
        "errorCode": dice.choice(CODES),
        "reason": "The target system answered something that takes a sentence to tell.",
        "errorCategory": "nonServiceFailure",
        "recommendedAction": "Do what the target system asks for.",
    }
    step = {"provisioningStepType": "import", "status": "success", "description": f"Received User '{name}'" * 3}
    export = {"provisioningStepType": "export", "status": "failure" if failed else "success", "description": "x" * 150}
    properties = ("displayName", "userName", "mail", "department", "title")
    return {
        "id": guid("event", number),
        "activityDateTime": (began + timedelta(seconds=number % 500)).isoformat().replace("+00:00", "Z"),
        "tenantId": TENANT,
        "jobId": f"scim.{TENANT}.{application}",
        "cycleId": guid("cycle", cycle),
        "changeId": guid("change", number),
        "durationInMilliseconds": dice.randrange(5000),
        "provisioningAction": "create",
        "provisioningStatusInfo": {
            "status": "failure" if failed else "success",
            "errorInformation": error if failed else None,
        },
        "servicePrincipal": {"id": principal, "displayName": f"Application {application:04d}"},
        "sourceIdentity": {
            "id": user_id,
            "displayName": name,
            "identityType": "User",
            "details": {"odatatype": "User", "UserPrincipalName": f"person{user:06d}@contoso.example"},
        },
        "targetIdentity": {"id": guid("target", user), "displayName": name, "identityType": "User", "details": {}},
        "provisioningSteps": [{"name": "EntryImportAdd", **step}, {"name": "EntryExportAdd", **export}],
        "modifiedProperties": [{"displayName": each, "oldValue": None, "newValue": name} for each in properties],
    }


def fill(store: Store, count: int, users: int, applications: int) -> None:
    """Store the events, and a day of the jobs."""
    now = datetime.now(UTC)
    left = events(count, users, applications, now)
    while page := list(islice(left, PAGE)):
        store.harvests.save(TENANT, page, watermark=now)
    for hour in range(24):
        seen = now - timedelta(hours=24 - hour)
        store.jobs.record_all(job(number, hour, seen) for number in range(applications))


def job(number: int, hour: int, seen: datetime) -> JobObservation:
    """How a job was in an hour; every fiftieth is quarantined now and then."""
    quarantined = number % 50 == 0 and hour % 12 > 8
    return JobObservation(
        tenant_id=TENANT,
        fleet="contoso",
        key=f"app-{number:04d}",
        observed_at=seen,
        state="quarantined" if quarantined else "steady",
        service_principal_id=guid("application", number),
        job_id=f"scim.{TENANT}.{number}",
        reason="EncounteredEscrowProportionThreshold" if quarantined else None,
        since=seen if quarantined else None,
        last_execution_at=seen,
        counts={"imported": hour},
    )

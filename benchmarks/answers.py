"""Figures of what the store answers: `why` and `report` on a million events."""

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from flows.store import JobObservation, Store, open_store
from graph_client.models import ProvisioningEvent

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
DAYS = 30
PAGE = 1000
CODES = ("EntryConflict", "InsufficientRights", "DuplicateTargetEntries", "TooManyRequests", "BoxEntryConflict")


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201 - a benchmark speaks


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
    """Store the events and the jobs, and say how fast."""
    now, started, page = datetime.now(UTC), time.perf_counter(), list[ProvisioningEvent]()
    saving = 0.0
    for found in events(count, users, applications, now):
        page.append(found)
        if len(page) == PAGE:
            begun = time.perf_counter()
            store.harvests.save(TENANT, page, watermark=now)
            saving += time.perf_counter() - begun
            page.clear()
    rate, in_all = count / saving, time.perf_counter() - started
    say(f"{count:,} events stored in {saving:.0f} s, {rate:,.0f} a second; made and stored in {in_all:.0f} s")
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


def timed(*arguments: str) -> None:
    """Run a command as a person does, and say how long it took and how much memory."""
    command = [sys.executable, "-m", "flows.cli", *arguments]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    say(f"{' '.join(arguments[:2]):40} {seconds:6.2f} s   exit {done.returncode}, {memory:.0f} MiB at most so far")


def main() -> None:
    """Fill a store, and ask it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--applications", type=int, default=1000)
    parser.add_argument("--store", help="URL of an empty database, or one filled before; a temporary file without")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = given.store or f"sqlite:///{directory}/store.db"
        with open_store(url) as store:
            if not store.coverage():
                fill(store, given.events, given.users, given.applications)
        os.environ["ENTRA_FLEET_STORE"] = url
        for user in (guid("user", 7), "person000007@contoso.example", "Person 000007", "000007@CON", "nobody"):
            timed("why", user)
        timed("report", "--out", str(Path(directory) / "report.html"))
        size = (Path(directory) / "report.html").stat().st_size
        say(f"report.html of {given.applications} applications: {size / 1000:.0f} KB")


if __name__ == "__main__":
    main()

"""A store of a million events, as a big tenant's thirty days would fill it."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from flows.store import JobObservation, Store
from graph_client.models import ProvisioningEvent

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
DAYS = 30
PAGE = 1000
CODES = ("EntryConflict", "InsufficientRights", "DuplicateTargetEntries", "TooManyRequests", "BoxEntryConflict")


def guid(*parts: object) -> str:
    """A guid that is the same in every run."""
    return str(UUID(int=random.Random(repr(parts)).getrandbits(128), version=4))  # noqa: S311 - made up


def events(count: int, users: int, applications: int, now: datetime) -> Iterator[ProvisioningEvent]:
    """Events of cycles of 500, spread over the days; one of twenty fails."""
    # A fixed seed: every run measures the same store.
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

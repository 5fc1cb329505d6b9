"""The directory audits: who changed what about provisioning, stored once each."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from flows.store.database import Database
from flows.store.harvests import Coverage, Gap, Harvests, coverage, upsert_records
from flows.store.provisioning_events import fold_text, storable
from flows.store.tables import DIRECTORY_AUDIT

if TYPE_CHECKING:
    from graph_client.models import DirectoryAudit

_AT_ONCE = 500  # rows that a cursor fetches at once
_JOB_ID = re.compile(r"[A-Za-z0-9]+\.[0-9a-f]{32}(\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?")
"""Template, tenant and application; older ids lack the third part."""
_SENSITIVE = re.compile(r"credential|secret|password|token|key(?!word)", re.IGNORECASE)
"""Names of properties whose values may be key material."""


@dataclass(frozen=True)
class AuditRecord:
    """One record, as far as questions are asked of it."""

    id: str
    tenant_id: str
    activity_at: datetime | None
    activity: str | None
    result: str | None
    reason: str | None
    actor_type: str | None
    """user or application; None for a service of Microsoft's."""
    actor_id: str | None
    actor_name: str | None
    service_principal_id: str | None
    """In lower case."""
    service_principal_name: str | None
    job_id: str | None


class DirectoryAudits:
    """Every harvested record of the directory audit log.

    Args:
        database: The store's.
        harvests: Keeps watermark and gaps.
    """

    def __init__(self, database: Database, harvests: Harvests) -> None:
        self._database = database
        self._harvests = harvests

    def save(
        self,
        tenant_id: str,
        records: Sequence["DirectoryAudit"],
        *,
        watermark: datetime | None = None,
        read_from: datetime | None = None,
        gaps: Sequence[Gap] = (),
    ) -> int:
        """Store records, move the watermark and write down gaps in one transaction; see `Harvests.save`."""
        now = datetime.now(UTC)
        # In the order of the index, as events are.
        rows = {each.id: build_audit_row(each, tenant_id, now) for each in sorted(records, key=lambda each: each.id)}
        with self._database.write(lock="directory audits") as connection:
            new = upsert_records(self._database, connection, DIRECTORY_AUDIT, rows)
            self._harvests.note_progress(connection, tenant_id, "audits", watermark, read_from, gaps)
        return new

    def records(
        self,
        tenant_id: str | None = None,
        *,
        service_principal_id: str | None = None,
        activities: Collection[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[AuditRecord]:
        """Yield the records from `since` until before `until`, the oldest first, in constant memory.

        Args:
            tenant_id: Only of this tenant.
            service_principal_id: Only of this application.
            activities: Only these, in lower case.
            since: The first moment; records without one are left out then.
            until: The first moment after them, likewise.
        """
        table = DIRECTORY_AUDIT.c
        columns = (table[column.name] for column in fields(AuditRecord))
        statement = select(*columns).order_by(table.activity_at, table.id)
        if tenant_id is not None:
            statement = statement.where(table.tenant_id == tenant_id)
        if service_principal_id is not None:
            statement = statement.where(table.service_principal_id == fold_text(service_principal_id))
        if activities is not None:
            statement = statement.where(func.lower(table.activity).in_(sorted(activities)))
        if since is not None:
            statement = statement.where(table.activity_at >= since)
        if until is not None:
            statement = statement.where(table.activity_at < until)
        with (
            self._database.read() as connection,
            # Closed also where its reader has seen enough.
            connection.execute(statement.execution_options(yield_per=_AT_ONCE)) as rows,
        ):
            for row in rows.mappings():
                yield AuditRecord(**row)

    def complete_from(self, tenant_id: str) -> datetime | None:
        """Return the earliest moment that is known to have been read: that of the first record kept."""
        table = DIRECTORY_AUDIT.c
        statement = select(func.min(table.activity_at)).where(table.tenant_id == tenant_id)
        with self._database.read() as connection:
            found: datetime | None = connection.scalar(statement)
        return found

    def coverage(self) -> list[Coverage]:
        """Return how far the audit log of each tenant is in the store."""
        return coverage(self._database, ("audits",))


def build_audit_row(record: "DirectoryAudit", tenant_id: str, harvested_at: datetime) -> dict[str, Any]:
    """Return the row of a record.

    Source: https://learn.microsoft.com/graph/api/resources/directoryaudit
    """
    user, app, target = record.initiated_by.user, record.initiated_by.app, record.target
    actor: tuple[str | None, str | None, str | None]
    if user:
        actor = ("user", user.id, user.user_principal_name or user.display_name)
    elif app:
        # Its appId is null in every record seen.
        actor = ("application", app.service_principal_id, app.display_name)
    else:
        actor = (None, None, None)
    columns = {
        "activity": record.activity_display_name,
        "result": record.result,
        "reason": record.result_reason,
        "actor_type": actor[0],
        "actor_id": fold_text(actor[1] or ""),
        "actor_name": actor[2],
        "service_principal_id": fold_text(target.id or ""),
        "service_principal_name": target.display_name,
        "job_id": _find_job_id(record),
        "correlation_id": record.correlation_id,
    }
    return {
        **{name: storable(value) for name, value in columns.items()},
        "id": record.id,
        "tenant_id": tenant_id,
        "activity_at": record.activity_date_time,
        "harvested_at": harvested_at,
        "raw": without_credentials(record.raw),
    }


def _find_job_id(record: "DirectoryAudit") -> str | None:
    """Return the job that a record names, wherever it does; no page says where."""
    texts = [text for each in record.target_resources for text in (each.id, each.display_name)]
    texts += [each.value for each in record.additional_details]
    found = {text for text in texts if text and _JOB_ID.fullmatch(text)}
    return found.pop() if len(found) == 1 else None  # several: none of them is meant for certain


def without_credentials(value: Any) -> Any:
    """Return a record without the values of properties that may hold key material."""
    if isinstance(value, list):
        return [without_credentials(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    name = value.get("displayName") or value.get("key")
    hidden = {"oldValue", "newValue", "value"} if isinstance(name, str) and _SENSITIVE.search(name) else set[str]()
    # The keys stay: that a credential was changed is worth knowing, its value is not.
    return {key: None if key in hidden else without_credentials(each) for key, each in value.items()}

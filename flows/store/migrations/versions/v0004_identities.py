"""Whom the events are about, to be found by a part of a name."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_EVENT = sa.table(
    "provisioning_event",
    *(sa.column(name) for name in ("id", "tenant_id", "activity_at", "source_id", "source_name", "source_type")),
    sa.column("raw", sa.JSON),
)
_EVENTS_AT_ONCE = 500


def upgrade() -> None:
    """Make the table, and fill it from the events."""
    texts = ("type", "name", "user_principal_name", "plain_name", "plain_user_principal_name")
    identity = op.create_table(
        "identity",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("tenant_id", "id")),
        *(sa.Column(name, sa.Text) for name in texts),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_identity"),
        sqlite_with_rowid=False,
    )
    for rows in _parts(_identities(op.get_bind())):
        op.bulk_insert(identity, rows)


def _identities(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    seen = sa.select(_EVENT.c.tenant_id, _EVENT.c.source_id, _EVENT.c.id).where(_EVENT.c.source_id.is_not(None))
    newest = {(row[0], row[1]): row[2] for row in connection.execute(seen.order_by(_EVENT.c.activity_at))}
    for ids in _parts(newest.values()):
        for row in connection.execute(sa.select(_EVENT).where(_EVENT.c.id.in_(ids))):
            yield _identity_of(row._asdict())


def _parts(items: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(items)
    while part := list(islice(left, _EVENTS_AT_ONCE)):
        yield part


def _identity_of(event: Mapping[str, Any]) -> dict[str, Any]:
    name, principal_name = event["source_name"], _principal_name(event["raw"])
    return {
        "tenant_id": event["tenant_id"],
        "id": event["source_id"],
        "type": event["source_type"],
        "name": name,
        "user_principal_name": principal_name,
        "plain_name": _plain(name),
        "plain_user_principal_name": _plain(principal_name),
    }


def _principal_name(raw: Any) -> str | None:
    identity = raw.get("sourceIdentity") if isinstance(raw, dict) else None
    details = identity.get("details") if isinstance(identity, dict) else None
    for key, value in details.items() if isinstance(details, dict) else ():
        if key.lower() in {"userprincipalname", "upn"} and isinstance(value, str) and value:
            return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return None


def _plain(text: str | None) -> str | None:
    if not text:
        return None
    letters = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))

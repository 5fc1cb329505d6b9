"""Fingerprints of the saved credentials, which show whether one has changed without storing it."""

import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import MappingProxyType

from sqlalchemy import delete, func, select

from flows.configuration.environment import KEY_SUFFIX, default_file
from flows.store.database import Database, Moment, StoreAddress
from flows.store.errors import StoreError
from flows.store.provisioning_events import fold_text
from flows.store.tables import CREDENTIAL_FINGERPRINT


class Fingerprints:
    """The fingerprints of saved credentials, by service principal and credential key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, tenant_id: str) -> frozenset[tuple[str, str]]:
        """Return the service principal's id (lower case) and the key of each credential with a fingerprint."""
        table = CREDENTIAL_FINGERPRINT.c
        statement = select(table.service_principal_id, table.key).where(table.tenant_id == tenant_id)
        with self._database.read() as connection:
            return frozenset((row.service_principal_id, row.key) for row in connection.execute(statement))

    def of_tenant(self, tenant_id: str) -> Mapping[str, Mapping[str, str]]:
        """Return all fingerprints of a tenant, by service principal id (lower case) and credential key."""
        table = CREDENTIAL_FINGERPRINT.c
        statement = select(table.service_principal_id, table.key, table.fingerprint)
        found: dict[str, dict[str, str]] = {}
        with self._database.read() as connection:
            for row in connection.execute(statement.where(table.tenant_id == tenant_id)):
                found.setdefault(row.service_principal_id, {})[row.key] = row.fingerprint
        return found

    def of(self, tenant_id: str, service_principal_id: str) -> Mapping[str, str]:
        """Return the fingerprints of one application's credentials, by credential key."""
        table = CREDENTIAL_FINGERPRINT.c
        statement = select(table.key, table.fingerprint).where(
            table.tenant_id == tenant_id, table.service_principal_id == fold_text(service_principal_id)
        )
        with self._database.read() as connection:
            return {row.key: row.fingerprint for row in connection.execute(statement)}

    def expiries(self, tenant_id: str) -> Mapping[str, datetime]:
        """Return when the first token of each application ends, by service principal id (lower case)."""
        table = CREDENTIAL_FINGERPRINT.c
        statement = (
            select(table.service_principal_id, func.min(table.expires_at, type_=Moment).label("first"))
            .where(table.tenant_id == tenant_id, table.expires_at.is_not(None))
            .group_by(table.service_principal_id)
        )
        with self._database.read() as connection:
            return {row.service_principal_id: row.first for row in connection.execute(statement)}

    def keep(
        self,
        tenant_id: str,
        service_principal_id: str,
        fingerprints: Mapping[str, str],
        expiries: Mapping[str, datetime] = MappingProxyType({}),
    ) -> None:
        """Store the fingerprints of just saved credentials; those of other keys are kept.

        Args:
            tenant_id: The tenant.
            service_principal_id: Object id of the service principal, in any case.
            fingerprints: Fingerprint by credential key.
            expiries: When a credential ends, for those that say so.
        """
        if not fingerprints:
            return
        saved = {"tenant_id": tenant_id, "service_principal_id": fold_text(service_principal_id)}
        moment = datetime.now(UTC)
        rows = [
            {**saved, "key": key, "fingerprint": fingerprint, "saved_at": moment, "expires_at": expiries.get(key)}
            for key, fingerprint in fingerprints.items()
        ]
        insert = self._database.insert(CREDENTIAL_FINGERPRINT).values(rows)
        statement = insert.on_conflict_do_update(
            index_elements=list(CREDENTIAL_FINGERPRINT.primary_key),
            set_={name: insert.excluded[name] for name in ("fingerprint", "saved_at", "expires_at")},
        )
        with self._database.write() as connection:
            connection.execute(statement)

    def forget(self, tenant_id: str, service_principal_id: str) -> None:
        """Delete the fingerprints of a deleted application."""
        table = CREDENTIAL_FINGERPRINT.c
        statement = delete(CREDENTIAL_FINGERPRINT).where(
            table.tenant_id == tenant_id, table.service_principal_id == fold_text(service_principal_id)
        )
        with self._database.write() as connection:
            connection.execute(statement)


_BYTES = 32  # as many as SHA-256 has


def key_beside(url: str | None) -> bytes | None:
    """Return the key kept beside an SQLite store, creating it (0600) at the first use; None for PostgreSQL.

    Args:
        url: The store, as of `open_store`.

    Raises:
        StoreError: The file cannot be read or created, or holds no key.
    """
    store = default_file() if url is None else StoreAddress.parse(url).path
    if store is None:
        return None
    path = store.with_name(store.name + KEY_SUFFIX)
    try:
        if not path.exists():
            _make(path)
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        # Cause: The key of the fingerprints is a file beside a SQLite store.
        raise StoreError(f"The fingerprint key {path} cannot be used: {why}.", _REMEDY) from None
    # An empty or cut file would give fingerprints that anyone can guess.
    if len(text) < 2 * _BYTES:
        raise StoreError(f"The fingerprint key {path} holds no key.", _REMEDY)
    return text.encode()


_REMEDY = "Make it readable, or delete it: every saved credential then counts as unknown."


def _make(path: Path) -> None:
    # Written under another name first: concurrent processes find a complete key or none.
    with NamedTemporaryFile("w", dir=path.parent, prefix=path.name, encoding="ascii") as file:
        file.write(secrets.token_hex(_BYTES) + "\n")
        file.flush()
        try:
            # A link fails if there is a file; a rename would replace the key of a process that was faster.
            os.link(file.name, path)
        except FileExistsError:
            return

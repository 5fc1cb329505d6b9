"""The directory: applications and service principals, their replication, and the recycle bin."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from graph_emulator.clock import share, write_moment
from graph_emulator.directory.gallery import Template
from graph_emulator.directory.new_objects import new_application, new_service_principal
from graph_emulator.directory.signing_certificates import switch_at_expiry
from graph_emulator.settings import EmulatorSettings
from graph_emulator.wire.problems import GraphProblem, not_found

REPLICAS = 3  # enough for reads that disagree


def arrivals(seed: int, identifier: str, created_at: float, lag_seconds: float) -> tuple[float, ...]:
    """When each replica receives the object; empty without lag. The slowest takes the whole lag."""
    if lag_seconds <= 0:
        return ()
    # At least a third of the lag: an object that most replicas show immediately would hide the faults of clients.
    early = [created_at + lag_seconds * (0.3 + 0.6 * share(seed, identifier, n)) for n in range(REPLICAS - 1)]
    # Exactly one replica takes the whole lag, so that the lag is what the settings say.
    slowest = int(share(seed, identifier, "slowest") * REPLICAS)
    early.insert(slowest, created_at + lag_seconds)
    return tuple(early)


def replica_of(seed: int, sequence: int) -> int:
    """The replica that answers a request; successive reads reach different ones."""
    return int(share(seed, "replica", sequence) * REPLICAS)


def has_arrived(times: tuple[float, ...], replica: int, now: float) -> bool:
    """Whether a replica knows the object."""
    return not times or now >= times[replica]


INHERITED = ("displayName", "identifierUris", "tags", "web")
"""The properties of an application that its service principal follows."""
Kind = Literal["application", "servicePrincipal"]
RECYCLE_SECONDS = 30 * 86_400.0  # documented: restorable for 30 days


@dataclass(slots=True)
class Entry:
    """An application or a service principal, with what the directory knows about it."""

    kind: Kind
    value: dict[str, Any]
    template: Template
    created_at: float
    number: int
    arrivals: tuple[float, ...]
    owners: list[str] = field(default_factory=list)
    own_tags: list[str] = field(default_factory=list)
    inherited_tags: list[str] = field(default_factory=list)
    pending: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    deleted_at: float | None = None
    partner: "Entry | None" = None

    overwritten: list[tuple[tuple[float, ...], dict[str, Any]]] = field(default_factory=list)
    """The previous values of PATCHes, for the replicas that have not received them."""
    shows_switch: bool = True
    """Whether the switch to another signing certificate, at expiry, shows in the preferred thumbprint."""

    @property
    def id(self) -> str:
        """The object id."""
        return str(self.value["id"])

    def seen(self, replica: int, now: float, *, whole: bool = True) -> dict[str, Any]:
        """The object as a replica returns it; a copy if `whole`."""
        # What every replica has received needs no memory.
        while self.overwritten and max(self.overwritten[0][0]) <= now:
            del self.overwritten[0]
        if not self.overwritten:
            return dict(self.value) if whole else self.value
        value = dict(self.value)
        # The oldest change last: where several have not arrived, the value before all of them counts.
        for times, before in reversed(self.overwritten):
            if not has_arrived(times, replica, now):
                value |= before
        return value

    def settle(self, now: float) -> None:
        """Apply what has happened by now: changes that propagated from the application, a certificate that expired."""
        while self.pending and self.pending[0][0] <= now:
            self._inherit(self.pending.pop(0)[1])
        if self.kind == "servicePrincipal" and self.shows_switch:
            switch_at_expiry(self.value, now)

    def _inherit(self, changes: dict[str, Any]) -> None:
        if "displayName" in changes:
            self.value["displayName"] = self.value["appDisplayName"] = changes["displayName"]
        if "tags" in changes:
            self.inherited_tags = changes["tags"]
            self.merge_tags()
        if "identifierUris" in changes:
            self.value["servicePrincipalNames"] = [self.value["appId"], *changes["identifierUris"]]
        if redirects := (changes.get("web") or {}).get("redirectUris"):
            # Recorded of the Google template: its wildcard address is on the application only.
            self.value["replyUrls"] = [uri for uri in redirects if "*" not in uri]

    def merge_tags(self) -> None:
        """Merge the application's tags with the object's own ones."""
        self.value["tags"] = [*self.own_tags, *(t for t in self.inherited_tags if t not in self.own_tags)]


class Directory:
    """All applications and service principals; reads see them as the answering replica does."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        self._created = 0
        self._certificates = 0
        self.live: dict[Kind, dict[str, Entry]] = {"application": {}, "servicePrincipal": {}}
        self.deleted: dict[str, Entry] = {}
        self.changed_principals: list[str] = []
        """The id of a service principal for each change of it, in order: what `delta` reads."""

    def instantiate(
        self, template: Template, display_name: str, reference: str | None, owner: str, now: float
    ) -> tuple[Entry, Entry]:
        """Create an application and its service principal; names need not be unique."""
        self._check_quota()
        self._created += 1
        seed, number = self._settings.seed, self._created
        application = new_application(self._settings, number, template, display_name, reference, write_moment(now))
        principal = new_service_principal(seed, number, template, application, self._settings.tenant_id)
        pair = (
            self._add("application", application, template, now, owner),
            self._add("servicePrincipal", principal, template, now, owner),
        )
        pair[0].partner, pair[1].partner = pair[1], pair[0]
        return pair

    def add_principal(self, value: dict[str, Any], template: Template, now: float) -> Entry:
        """A service principal that has no application in this tenant."""
        return self._add("servicePrincipal", value, template, now, "")

    def next_certificate(self) -> int:
        """The number of the next signing certificate."""
        self._certificates += 1
        return self._certificates

    def _note(self, entry: Entry | None) -> None:
        if entry is not None and entry.kind == "servicePrincipal":
            self.changed_principals.append(entry.id)

    def _check_quota(self) -> None:
        quota = self._settings.object_quota
        # Application and service principal; what is in the recycle bin counts as well (documented).
        if quota is not None and self.objects + 2 > quota:
            raise GraphProblem(
                self._settings.quota_status,
                "Directory_QuotaExceeded",
                "The directory object quota limit for the Principal has been exceeded. Please ask your "
                "administrator to increase the quota limit or delete objects to reduce the used quota.",
            )

    @property
    def objects(self) -> int:
        """The number of objects that count against the quota, including soft-deleted ones."""
        return sum(map(len, self.live.values())) + len(self.deleted)

    def _add(self, kind: Kind, value: dict[str, Any], template: Template, now: float, owner: str) -> Entry:
        lag = self._settings.replication_lag_seconds
        when = arrivals(self._settings.seed, value["id"], now, lag)
        entry = Entry(kind, value, template, now, self._created, when, owners=[owner])
        entry.own_tags = list(value["tags"])
        entry.shows_switch = self._settings.certificate_switch == "shown"
        self.live[kind][entry.id] = entry
        self._note(entry)
        return entry

    def get(self, kind: Kind, identifier: str, replica: int, now: float) -> Entry:
        """One object.

        Raises:
            GraphProblem: 404, it does not exist, or not yet on this replica.
        """
        entry = self.live[kind].get(identifier.lower())  # GUIDs are compared regardless of case
        if entry is None or not has_arrived(entry.arrivals, replica, now):
            raise not_found(identifier)
        entry.settle(now)
        return entry

    def by_app_id(self, kind: Kind, app_id: str, replica: int, now: float) -> Entry:
        """One object by its alternate key."""
        for entry in self.live[kind].values():
            if entry.value["appId"] == app_id.lower() and has_arrived(entry.arrivals, replica, now):
                entry.settle(now)
                return entry
        raise not_found(app_id)

    def all(self, kind: Kind, replica: int, now: float, *, index_lag: float = 0.0) -> Iterator[Entry]:
        """The objects that a replica, or the lagging index, returns."""
        for entry in list(self.live[kind].values()):  # a copy, for callers that delete while they read
            if has_arrived(entry.arrivals, replica, now) and entry.created_at + index_lag <= now:
                entry.settle(now)
                yield entry

    def patch(self, entry: Entry, changes: dict[str, Any], now: float) -> None:
        """Change an object; some properties of an application propagate to its service principal."""
        lag = self._settings.change_lag_seconds
        if "keyCredentials" in changes:
            # Longer for certificates: a client that writes back a stale list would delete a new one.
            lag = max(lag, self._settings.key_credentials_lag_seconds)
        if lag:
            # Numbered: each change reaches the replicas in an order of its own.
            times = arrivals(self._settings.seed, f"{entry.id} {len(entry.overwritten)}", now, lag)
            entry.overwritten.append((times, {name: entry.value.get(name) for name in changes}))
        entry.value.update(changes)
        if "tags" in changes:
            entry.own_tags = list(changes["tags"])
            entry.merge_tags()
        self._note(entry)
        # The other properties of the two objects are independent of each other.
        passed = {name: value for name, value in changes.items() if name in INHERITED}
        if entry.kind == "application" and entry.partner and passed:
            self._propagate(entry.partner, passed, now)

    def _propagate(self, principal: Entry, changes: dict[str, Any], now: float) -> None:
        mode = self._settings.propagation
        if mode != "never":
            delay = self._settings.propagation_seconds if mode == "delayed" else 0.0
            principal.pending.append((now + delay, changes))
            # With no delay it is to be seen in the next read.
            principal.settle(now)
            self._note(principal)

    def delete(self, entry: Entry, now: float) -> None:
        """Move an object to the recycle bin, an application together with its service principal."""
        # A service principal can be deleted alone; its application stays.
        for gone in (entry, entry.partner) if entry.kind == "application" else (entry,):
            if gone is not None and gone.deleted_at is None:
                del self.live[gone.kind][gone.id]
                gone.deleted_at = now
                gone.value["deletedDateTime"] = write_moment(now)
                self.deleted[gone.id] = gone
                self._note(gone)

    def deleted_entry(self, identifier: str, now: float) -> Entry:
        """An object of the recycle bin.

        Raises:
            GraphProblem: 404, it is not there, or has been for more than thirty days.
        """
        entry = self.deleted.get(identifier.lower())
        if entry is None or entry.deleted_at is None or now - entry.deleted_at > RECYCLE_SECONDS:
            raise not_found(identifier)
        return entry

    def restore(self, entry: Entry) -> None:
        """Restore an object from the recycle bin."""
        del self.deleted[entry.id]
        entry.deleted_at, entry.value["deletedDateTime"] = None, None
        # Only this object: the other of the pair is restored by a request of its own.
        self.live[entry.kind][entry.id] = entry
        self._note(entry)

    def purge(self, entry: Entry) -> None:
        """Delete an object permanently."""
        del self.deleted[entry.id]
        self._note(entry)

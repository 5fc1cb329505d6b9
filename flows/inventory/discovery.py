"""A look through the whole tenant: who is there, and which jobs they have.

Graph lists no jobs: synchronization is contained in service principals. So all of these are listed, in pages of 999,
and the jobs of each application are read twenty at a time; later looks follow what Graph says has changed. Each page
and each part is in the store before the next is asked for.

https://learn.microsoft.com/graph/api/serviceprincipal-delta
https://learn.microsoft.com/graph/api/synchronization-synchronization-list-jobs
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flows.errors import StepFailed
from flows.inventory.inventory import SAML, read_certificate_facts, read_sign_on_mode
from flows.monitoring.health import UNREADABLE, assess_job, find_stall
from flows.store import Look, Store, TenantJob, TenantPrincipal
from flows.store.tenant_inventory import JobsRead
from flows.tenant.ownership_tag import OwnershipTag
from graph_client import GraphClient
from graph_client.errors import GraphStatusError, NotFound, Unauthorized
from graph_client.hints import missing
from graph_client.models import ServicePrincipal, SynchronizationJob
from graph_client.parallel import gather
from graph_client.protocol import same_origin
from graph_client.reading import Page, is_expired_link

FULL_EVERY_HOURS = 24.0
_PRINCIPALS_AT_ONCE = 400
"""Twenty batches: what a look that is killed has to read again."""
_NEW_FOR = timedelta(days=1)
"""How long a new service principal is looked at again each time: its job is often made some time later."""
_SELECT = (
    "id",
    "appId",
    "displayName",
    "applicationTemplateId",
    "servicePrincipalType",
    "tags",
    "preferredSingleSignOnMode",
    "preferredTokenSigningKeyThumbprint",
)
_JOBS = "/servicePrincipals/id/synchronization/jobs"
_SECRETS = "/servicePrincipals/id/synchronization/secrets"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Permissions:
    """What the token may read, as far as it shows."""

    lacking: tuple[str, ...]
    """What is missing for reading jobs."""
    secrets: bool
    """Whether the keys of secrets and the notification address can be read."""

    @classmethod
    async def of(cls, graph: GraphClient) -> "Permissions":
        """Return what this client's token may read."""
        claims = await graph.claims()
        # An opaque token shows nothing: Graph's answers will tell.
        if claims.app_id is None:
            return cls((), secrets=False)
        calls = (("GET", "/servicePrincipals"), ("GET", _JOBS))
        lacking = tuple(dict.fromkeys(name for call in calls for name in missing(*call, claims.roles)))
        return cls(lacking, secrets=not missing("GET", _SECRETS, claims.roles))


class TenantLook:
    """One look through a tenant.

    Args:
        graph: A signed-in client.
        store: Where what is found is kept.
        tenant_id: The tenant.
        full_every_hours: How old the last full look may be before it is time for another.
        on_progress: Told what is being read, how many are done, and how many there are.
    """

    def __init__(
        self,
        graph: GraphClient,
        store: Store,
        tenant_id: str,
        *,
        full_every_hours: float = FULL_EVERY_HOURS,
        on_progress: Progress = lambda *_: None,
    ) -> None:
        self._graph = graph
        self._inventory = store.inventory
        self._tenant_id = tenant_id
        self._full_every = timedelta(hours=full_every_hours)
        self._on_progress = on_progress

    async def run(self) -> Look:
        """Look through the tenant, or go on where a look that was killed has come to.

        Returns:
            The look as it was under way.

        Raises:
            StepFailed: The token may not read jobs; the text says what to grant.
            GraphError: Nothing could be read for another reason.
        """
        may = await Permissions.of(self._graph)
        if may.lacking:
            raise _denied(may.lacking)
        known = self._without_foreign_links(await asyncio.to_thread(self._inventory.look, self._tenant_id))
        look = await self._list_everybody(known) if self._is_full(known) else await self._follow_changes(known)
        await self._read_all_jobs(look)
        await self._read_certificates(look)
        if may.secrets:
            await self._read_connections(look)
        # Last, so that a look that is killed is continued and not taken for complete.
        await asyncio.to_thread(self._inventory.finish, look)
        return look

    def _without_foreign_links(self, known: Look) -> Look:
        """Forget links to where Graph no longer is: the token goes to its host only, and a rehearsal's port changes."""
        root = self._graph.settings.graph_url
        links = filter(None, (known.delta_link, known.next_link, known.new_delta_link))
        if all(same_origin(link, root) for link in links):
            return known
        return replace(known, delta_link=None, began_at=None, kind=None, next_link=None, new_delta_link=None)

    def _is_full(self, known: Look) -> bool:
        if known.began_at is not None and known.kind is not None and self._full_every:
            return known.kind == "full"
        return (
            known.delta_link is None or known.full_at is None or self._graph.now() - known.full_at >= self._full_every
        )

    def _moment_after(self, known: Look) -> datetime:
        """Return the time at Graph, which its answers tell in whole seconds; always later than the last look's."""
        now = self._graph.now()
        return now if known.looked_at is None else max(now, known.looked_at + timedelta(microseconds=1))

    async def _list_everybody(self, known: Look) -> Look:
        look = known
        # An interrupted look that is older than a whole interval would mix two states of the tenant.
        if known.began_at is None or self._graph.now() - known.began_at >= self._full_every:
            look = await self._begin(known)
        if look.next_link is None:
            return look
        try:
            async for page in self._graph.service_principals.pages(select=_SELECT, link=look.next_link):
                look = replace(look, next_link=page.next_link)
                await self._save(look, page)
        except GraphStatusError as error:
            # The link of a look that was killed long ago is no longer known.
            if look is not known or not (is_expired_link(error) or error.status == 400):
                raise
            return await self._list_everybody(replace(known, began_at=None))
        return look

    async def _begin(self, known: Look) -> Look:
        """Ask where to follow changes from now on, and for the first page, in one request."""
        graph, began_at = self._graph.batched.service_principals, self._moment_after(known)
        # The link first, or together: what changes while the list is read shows in the next look.
        changes, page = await gather(_first(graph.changes(select=_SELECT)), _first(graph.pages(select=_SELECT)))
        look = replace(
            known, began_at=began_at, kind="full", next_link=page.next_link, new_delta_link=changes.delta_link
        )
        await self._save(look, page)
        return look

    async def _follow_changes(self, known: Look) -> Look:
        look = (
            known if known.began_at is not None else replace(known, began_at=self._moment_after(known), kind="changes")
        )
        if look.new_delta_link is not None:
            return look  # these were read before the look was killed
        try:
            async for page in self._graph.service_principals.changes(
                select=_SELECT, link=look.next_link or look.delta_link
            ):
                look = replace(look, next_link=page.next_link, new_delta_link=page.delta_link)
                await self._save(look, page, changed=True)
        except GraphStatusError as error:
            if not is_expired_link(error):
                raise
            return await self._list_everybody(replace(known, began_at=None, next_link=None, new_delta_link=None))
        return look

    async def _save(self, look: Look, page: Page[ServicePrincipal], *, changed: bool = False) -> None:
        listed = [_principal_row(each, look) for each in page.items]
        await asyncio.to_thread(self._inventory.save_page, look, listed, page.removed, changed=changed)
        self._on_progress("service principals", len(listed), 0)

    async def _read_all_jobs(self, look: Look) -> None:
        now = self._graph.now()
        todo = await asyncio.to_thread(self._inventory.to_read, look, now - _NEW_FOR)
        with_jobs = await asyncio.to_thread(self._inventory.with_jobs, self._tenant_id)
        anybody = False
        for start in range(0, len(todo), _PRINCIPALS_AT_ONCE):
            part = todo[start : start + _PRINCIPALS_AT_ONCE]
            read = await gather(
                *(self._read_jobs(each, look, expected=each.service_principal_id in with_jobs) for each in part)
            )
            anybody = anybody or any(each.error_code != _DENIED for each in read)
            if not anybody and look.kind == "full":
                # Not one of so many: this is about the token, which need not show its permissions.
                raise _denied(("Synchronization.Read.All",))
            await asyncio.to_thread(self._inventory.save_jobs, self._tenant_id, read, _began(look))
            self._on_progress("jobs", start + len(part), len(todo))

    async def _read_jobs(self, principal: TenantPrincipal, look: Look, *, expected: bool) -> JobsRead:
        identifier = principal.service_principal_id
        try:
            jobs = await self._graph.batched.synchronization.jobs(identifier, expected=expected)
        except NotFound:
            # Deleted a moment ago, or not everywhere yet: a later look lists it or says that it is gone.
            return JobsRead(identifier, None)
        except UNREADABLE as error:
            denied = isinstance(error, Unauthorized)
            code = _DENIED if denied else error.code or type(error).__name__
            return JobsRead(identifier, None, code, error.message or error.what)
        return JobsRead(identifier, tuple(_job_row(each, principal, look, self._graph.now()) for each in jobs))

    async def _read_certificates(self, look: Look) -> None:
        todo = await asyncio.to_thread(self._inventory.unread_certificates, look, SAML)
        for start in range(0, len(todo), _PRINCIPALS_AT_ONCE):
            ids = [each.service_principal_id for each in todo[start : start + _PRINCIPALS_AT_ONCE]]
            read = await gather(*(read_certificate_facts(self._graph, each) for each in ids))
            found = dict(zip(ids, read, strict=True))
            await asyncio.to_thread(self._inventory.save_certificates, self._tenant_id, found, _began(look))

    async def _read_connections(self, look: Look) -> None:
        todo = await asyncio.to_thread(self._inventory.unread_connections, look)
        for start in range(0, len(todo), _PRINCIPALS_AT_ONCE):
            part = todo[start : start + _PRINCIPALS_AT_ONCE]
            ids = [each.service_principal_id for each in part]
            found = dict(zip(ids, await gather(*(self._read_connection(each) for each in ids)), strict=True))
            await asyncio.to_thread(self._inventory.save_connections, self._tenant_id, found, _began(look))

    async def _read_connection(self, service_principal_id: str) -> dict[str, Any] | None:
        try:
            secrets = await self._graph.batched.synchronization.secrets(service_principal_id)
        except UNREADABLE:
            return None
        return summarize_secrets(secrets)


_DENIED = "UnknownError"
"""The code of the synchronization service where a permission is missing, beside 401."""


def summarize_secrets(secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return what the saved secrets tell that is none: their keys, who gets mails, and the tenant they lead to."""
    try:
        notices = json.loads(secrets.get("SyncNotificationSettings") or "{}")
    except ValueError:
        notices = {}
    notices = notices if isinstance(notices, dict) else {}
    recipients = notices.get("Recipients") if notices.get("Enabled") is not False else None
    return {
        "keys": sorted(key for key, value in secrets.items() if value),
        "notification_email": str(recipients) if recipients else None,
        "company_id": secrets.get("CompanyId") or None,
    }


async def _first(pages: AsyncIterator[Page[ServicePrincipal]]) -> Page[ServicePrincipal]:
    return await anext(pages)


def _began(look: Look) -> datetime:
    if look.began_at is None:
        raise ValueError("no look is under way")
    return look.began_at


def _denied(lacking: tuple[str, ...]) -> StepFailed:
    return StepFailed(
        "PermissionsMissing",
        f"The signed-in application may not read the tenant's provisioning jobs; it lacks {' and '.join(lacking)}.",
        "Grant Application.Read.All and Synchronization.Read.All as application permissions of Microsoft Graph, "
        "with admin consent; nothing else is needed to look.",
        step="inventory",
        denied=True,
    )


def _principal_row(principal: ServicePrincipal, look: Look) -> TenantPrincipal:
    began_at = _began(look)
    mark = OwnershipTag.in_tags(principal.tags)
    return TenantPrincipal(
        tenant_id=look.tenant_id,
        service_principal_id=principal.id.lower(),
        app_id=principal.app_id,
        display_name=principal.display_name or principal.app_display_name,
        application_template_id=principal.application_template_id,
        type=principal.service_principal_type,
        sign_on_mode=read_sign_on_mode(principal),
        fleet=mark.fleet if mark else None,
        key=mark.key if mark else None,
        first_seen_at=began_at,
        seen_at=began_at,
    )


def _job_row(job: SynchronizationJob, principal: TenantPrincipal, look: Look, now: datetime) -> TenantJob:
    began_at = _began(look)
    health = assess_job(job, now)
    return TenantJob(
        tenant_id=look.tenant_id,
        service_principal_id=principal.service_principal_id,
        job_id=job.id,
        synchronization_template_id=job.template_id,
        state=health.state,
        schedule=job.schedule.state if job.schedule else None,
        reason=health.reason,
        held_by=health.held_by,
        since=health.since,
        error_code=health.error_code,
        error_message=health.error_message,
        last_execution_at=health.last_execution,
        last_success_at=health.last_success,
        steady_at=job.status.steady_state_last_achieved_time if job.status else None,
        stalled_since=find_stall(job, health, now),
        counts=health.counts,
        first_seen_at=began_at,
        seen_at=began_at,
        state_at=began_at,
        changed_at=began_at,
    )

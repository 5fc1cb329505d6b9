"""Graph's audit logs: the provisioning log and the directory audit log.

https://learn.microsoft.com/graph/api/provisioningobjectsummary-list
https://learn.microsoft.com/graph/api/directoryaudit-list
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from graph_client.call import Call
from graph_client.models.directory_audit import DirectoryAudit
from graph_client.models.provisioning_event import ProvisioningEvent
from graph_client.protocol import moment_literal, options, text_literal
from graph_client.reading import parsed_pages
from graph_client.session import Sender

__all__ = ["ACCOUNT_PROVISIONING", "DirectoryAudits", "ProvisioningLogs"]

Page = list[ProvisioningEvent]


class ProvisioningLogs:
    """Reads provisioning events by windows of time."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    def pages(
        self,
        *,
        after: datetime | None = None,
        before: datetime | None = None,
        filter: str | None = None,  # noqa: A002  # OData says $filter
        order_by: str | None = None,
        top: int | None = None,
    ) -> AsyncIterator[Page]:
        """The events page by page.

        Args:
            after: only events later than this (the API has no "at or after").
            before: only events earlier than this.
            filter: an additional OData condition; values are case-sensitive.
            order_by: for example "activityDateTime desc".
            top: the page size; without one the service returns no link to the next page.
        """
        conditions = [
            f"activityDateTime gt {moment_literal(after)}" if after else None,  # `ge` is not documented for this log
            f"activityDateTime lt {moment_literal(before)}" if before else None,
            # In parentheses, because `and` binds more strongly than an `or` within it.
            f"({filter})" if filter and (after or before) else filter,
        ]
        wanted = " and ".join(condition for condition in conditions if condition)
        # Always with $top: an older page of Microsoft's says that only then a nextLink comes.
        query = options(filter=wanted, order_by=order_by, top=top or self._session.settings.log_page_size)
        return parsed_pages(
            self._session, Call.get("/auditLogs/provisioning", query, may_quote=True), ProvisioningEvent
        )


ACCOUNT_PROVISIONING = "Account Provisioning"
"""The service that logs changes of synchronization jobs."""


class DirectoryAudits:
    """Reads audit records by windows of time."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    def pages(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        service: str | None = None,
        top: int | None = None,
    ) -> AsyncIterator[list[DirectoryAudit]]:
        """The records, page by page.

        Args:
            start: only records of this moment or later.
            end: only records of this moment or earlier (the page names no "earlier than").
            service: only what this service logged. In 2018 such a filter found nothing at all, see
                https://github.com/microsoftgraph/microsoft-graph-docs/issues/3648.
            top: the page size; None for that of the provisioning log.
        """
        conditions = [
            f"activityDateTime ge {moment_literal(start)}" if start else None,  # here `ge` and `le` are documented
            f"activityDateTime le {moment_literal(end)}" if end else None,
            f"loggedByService eq {text_literal(service)}" if service else None,
        ]
        wanted = " and ".join(condition for condition in conditions if condition)
        query = options(filter=wanted, top=top or self._session.settings.log_page_size)
        return parsed_pages(
            self._session, Call.get("/auditLogs/directoryAudits", query, may_quote=True), DirectoryAudit
        )

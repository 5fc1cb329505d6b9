"""The provisioning log.

https://learn.microsoft.com/graph/api/provisioningobjectsummary-list
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from graph_client.call import Call
from graph_client.models.provisioning_event import ProvisioningEvent
from graph_client.protocol import moment_literal, options
from graph_client.reading import parsed_pages
from graph_client.session import Sender

__all__ = ["ProvisioningLogs"]

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
            f"activityDateTime gt {moment_literal(after)}" if after else None,
            f"activityDateTime lt {moment_literal(before)}" if before else None,
            f"({filter})" if filter and (after or before) else filter,
        ]
        wanted = " and ".join(condition for condition in conditions if condition)
        query = options(filter=wanted, order_by=order_by, top=top or self._session.settings.log_page_size)
        return parsed_pages(
            self._session, Call.get("/auditLogs/provisioning", query, may_quote=True), ProvisioningEvent
        )

"""The views of the store, for people and tools that ask it in SQL. Migrations make them; `docs/store.md` shows them."""

from typing import Any

from sqlalchemy import BigInteger, Column, Date, MetaData, Table, Text

from flows.store.moment import Moment

VIEWS = MetaData()
"""Apart from the tables, as nothing creates a view from here."""

_Columns = tuple[Column[Any], ...]

_WHERE: _Columns = (
    Column("tenant_id", Text, doc="The tenant."),
    Column("fleet", Text, doc="Name of the fleet; empty for an application that no fleet manages."),
    Column("key", Text, doc="Key of the instance; empty likewise."),
    Column("service_principal_id", Text, doc="The application's service principal, lower case."),
)
_ABOUT: _Columns = (
    Column("source_id", Text, doc="Id of the user or group in Entra."),
    Column("source_name", Text, doc="Its display name."),
    Column("source_type", Text, doc="User, Group …"),
)
_LAST: _Columns = (
    Column("event_id", Text, doc="The event: `provisioning_event.id`."),
    Column("activity_at", Moment, doc="When it happened."),
    Column("action", Text, doc="What was tried: create, update …"),
)
_WHY: _Columns = (
    Column("error_code", Text, doc="Microsoft's error code."),
    Column("reason", Text, doc="Microsoft's words for the failure or the skip."),
)


def _view(name: str, doc: str, *columns: Column[Any]) -> Table:
    own = (Column(column.name, column.type, doc=column.doc) for column in columns)
    return Table(name, VIEWS, *own, info={"doc": doc})


EVENTS_BY_APP_AND_DAY = _view(
    "events_by_app_and_day",
    "How many events each application had on each day (UTC), by status.",
    *_WHERE,
    Column("day", Date, doc="The day; on SQLite its text, as 2026-05-01."),
    Column("events", BigInteger, doc="All of them, those of other statuses included."),
    Column("success", BigInteger, doc="Those that went well."),
    Column("failure", BigInteger, doc="Those that failed."),
    Column("skipped", BigInteger, doc="Those that were skipped, as somebody is not in scope."),
    Column("warning", BigInteger, doc="Those with a warning."),
)

LAST_RESULT_BY_USER_AND_APP = _view(
    "last_result_by_user_and_app",
    "The newest event of each user or group in each application.",
    *_WHERE,
    *_ABOUT,
    *_LAST,
    Column("status", Text, doc="How it ended: success, failure, skipped, warning."),
    *_WHY,
)

OPEN_FAILURES = _view(
    "open_failures",
    "Each user or group whose newest event in an application is a failure.",
    *_WHERE,
    *_ABOUT,
    Column("failing_since", Moment, doc="The first failure after the last event that was none."),
    *_LAST,
    *_WHY,
    Column("recommended_action", Text, doc="What Microsoft recommends."),
)

from datetime import UTC, date, datetime

import pytest

from flows.fleet_file.models import Instance
from flows.monitoring.credential_warnings import find_expiring_credentials

TODAY = date(2026, 11, 22)


def instance(key, expires=None):
    return Instance(key=key, display_name=key, template="Box", credentials_expire=expires)


def test_credentials_are_warned_of_a_month_ahead_and_after_the_earliest_first():
    dates = {"far": date(2026, 12, 23), "soon": date(2026, 12, 22), "past": date(2026, 11, 1), "never": None}
    found = find_expiring_credentials([instance(key, expires) for key, expires in dates.items()], TODAY)
    assert [expiry.key for expiry in found] == ["past", "soon"]
    assert str(found[0]) == (
        "The credentials of past expired on 2026-11-01. Renew them, then: entra-fleet rotate FLEET --only past"
    )
    assert found[1].as_json() == {"key": "soon", "on": "2026-12-22", "days": 30, "urgency": "notice"}


@pytest.mark.parametrize(
    ("days", "urgency"),
    [(31, None), (30, "notice"), (15, "notice"), (14, "warning"), (4, "warning"), (3, "urgent"), (-1, "urgent")],
)
def test_the_warning_grows_30_14_and_3_days_ahead(days, urgency):
    end = datetime.fromordinal(TODAY.toordinal() + days).replace(tzinfo=UTC)
    found = find_expiring_credentials([instance("one")], TODAY, {"one": end})
    assert [each.urgency for each in found] == ([urgency] if urgency else [])


def test_the_earlier_of_what_the_file_and_the_token_say_counts():
    early, late = date(2026, 11, 25), date(2026, 12, 1)
    ends = {"one": datetime(2026, 11, 25, 9, tzinfo=UTC), "two": datetime(2026, 12, 1, tzinfo=UTC)}
    found = find_expiring_credentials([instance("one", late), instance("two", early)], TODAY, ends)
    assert [(each.key, each.on) for each in found] == [("one", early), ("two", early)]

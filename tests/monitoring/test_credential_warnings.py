from datetime import date

from flows.fleet_file.models import Instance
from flows.monitoring.credential_warnings import find_expiring_credentials

TODAY = date(2026, 11, 22)


def instance(key, expires):
    return Instance(key=key, display_name=key, template="Box", credentials_expire=expires)


def test_credentials_are_warned_of_a_month_ahead_and_after_the_earliest_first():
    dates = {"far": date(2026, 12, 23), "soon": date(2026, 12, 22), "past": date(2026, 11, 1), "never": None}
    found = find_expiring_credentials([instance(key, expires) for key, expires in dates.items()], TODAY)
    assert [expiry.key for expiry in found] == ["past", "soon"]
    assert str(found[0]) == (
        "The credentials of past expire on 2026-11-01. Renew them, then: entra-fleet rotate FLEET --only past"
    )

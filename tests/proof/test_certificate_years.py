"""Years of a fleet whose certificates are rotated every day, and a hook that fails for twenty days.

What is true of a minute changes only with a run or when a certificate expires; so it is looked at after each of these.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.monitor import monitor_fleet
from flows.steps.idempotency import use_wait_limits
from tests.estates import AWS, HASTY, fleet, instance
from tests.proof.sign_on import SignOn
from tests.proof.world import world as a_world

DAY = 86_400.0
FAILING_DAYS = 20
HOOK = """#!/bin/sh
[ ! -e {broken} ] || exit 3
echo "$ENTRA_FLEET_HOOK_KEY $ENTRA_FLEET_HOOK_THUMBPRINT" >> {known}
"""


@dataclass(frozen=True)
class Member:
    """An application that joins the fleet on a day."""

    joins: int
    years: int
    renew_before: int = 60


SMALL = {"a": Member(0, 1), "late": Member(0, 1, 10), "z": Member(50, 1)}
TWENTY = {f"i{n:02}": Member(n * 17, 1 + n % 3, 10 if n % 5 == 0 else 60) for n in range(20)}


class OtherSide:
    """What the applications trust: the certificates that the hook has handed to them."""

    def __init__(self, directory):
        self._broken, self._known = directory / "broken", directory / "known"
        self._known.touch()
        self.hook = directory / "hook"
        self.hook.write_text(HOOK.format(broken=self._broken, known=self._known))
        self.hook.chmod(0o755)

    def knows(self, key, thumbprint):
        return f"{key} {thumbprint}" in self._known.read_text().splitlines()

    def fail(self, broken):
        self._broken.touch() if broken else self._broken.unlink(missing_ok=True)


class Years:
    """The days of a fleet: who is locked out when, and who was warned of it."""

    def __init__(self, world, members, other_side):
        wanted = [instance(key, AWS, sso=_settings(each)) for key, each in members.items()]
        self.members, self.other_side = members, other_side
        self.sign_on = SignOn(world, fleet(*wanted))
        self.world = world
        self.began = self.now
        self.locked_out = defaultdict(list)
        self.alarms = defaultdict(list)
        self.delayed = set()

    @property
    def now(self):
        return self.world.emulator.clock.now()

    def live(self, days, failing_from):
        for day in days:
            self.pass_until(self.began + day * DAY)
            self.other_side.fail(failing_from <= day < failing_from + FAILING_DAYS)
            joined = [key for key, each in self.members.items() if each.joins <= day]
            outcome = self.sign_on.rotate(only=joined)
            self.delayed |= {each.key for each in outcome.instances if each.outcome in {"failed", "held"}}
            self.look()
            self.listen()

    def pass_until(self, end):
        """Stop at every moment at which a certificate expires."""
        keys = self.members
        for moment in sorted(each + 1 for key in keys for each in self.ends(key) if self.now <= each < end):
            self.world.emulator.controls.advance(max(0.0, moment - self.now))
            self.look()
        self.world.emulator.controls.advance(max(0.0, end - self.now))

    def ends(self, key):
        return {_moment(each["endDateTime"]) for each in self.sign_on.entry(key)["keyCredentials"]}

    def look(self):
        for key in self.members:
            # Before its first one nobody could sign in.
            if (active := self.sign_on.active(key)) is None:
                continue
            valid = any(end > self.now for end in self.ends(key))
            if not (valid and self.other_side.knows(key, active)):
                self.locked_out[key].append(self.now)

    def listen(self):
        """Note whom `monitor` warns of urgently."""
        seen = self.world.run(self.world.doing(monitor_fleet, self.sign_on.fleet))
        for each in seen.certificates:
            if each.urgency == "urgent":
                self.alarms[each.key].append(self.now)


def _settings(member):
    return {"certificate": {"years": member.years, "renew_before": f"{member.renew_before}d"}}


def _moment(text):
    return datetime.fromisoformat(text).timestamp()


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    with (
        a_world(tmp_path_factory.mktemp("world"), key_credentials_lag_seconds=3.0, change_lag_seconds=0.5) as made,
        use_wait_limits(replace(HASTY, lookup_seconds=6.0, steady_seconds=6.0)),
    ):
        yield made


PROOF = [pytest.mark.proof, pytest.mark.timeout(3000)]


@pytest.mark.parametrize(
    ("members", "days", "failing_from"),
    [
        # On the days left out nothing is due. What replicas do not agree on yet is staged, and activated the day after.
        pytest.param(SMALL, [0, 1, 50, 51, 305, 306, *range(352, 372)], 349, id="a year of three"),
        pytest.param(TWENTY, range(3 * 365), 350, id="three years of twenty", marks=PROOF),
    ],
)
def test_the_other_side_knows_the_active_certificate_or_an_alarm_was_given_days_before(
    estate, tmp_path, members, days, failing_from
):
    estate.reset()
    other_side = OtherSide(tmp_path)
    years = Years(estate, members, other_side)
    with add_prefect_variables({"ENTRA_FLEET_CERTIFICATE_HOOK": str(other_side.hook)}):
        years.live(days, failing_from)
    # Only those who renew so late that the hook fails until the certificate has expired.
    assert {key for key, each in members.items() if each.renew_before < FAILING_DAYS} >= set(years.locked_out)
    assert years.locked_out
    assert years.delayed > set(years.locked_out)
    for key, moments in years.locked_out.items():
        assert min(years.alarms[key]) <= moments[0] - 7 * DAY, key
        # The first run after the hook works again hands over what Entra ID has switched to by itself.
        assert moments[-1] < years.began + (failing_from + FAILING_DAYS) * DAY, key

"""A new fleet under limits that are a tenth of the documented ones, in virtual time: no machine is too slow for it."""

import pytest

from benchmarks.rollout import roll_out

INSTANCES, WRITES = 100, 600
LIMITS = {"writes_per_window": 100, "write_window_seconds": 50.0, "units_per_window": 800}
# A hundred at once, and then as many in each window of 50 seconds.
ALLOWED_SECONDS = 250.0


def test_a_paced_rollout_is_never_refused_and_takes_no_longer_than_the_budget_makes_it():
    taken = roll_out(INSTANCES, concurrency=10, tenant=LIMITS, client=LIMITS)
    assert (taken.instances, taken.writes, taken.throttled) == (INSTANCES, WRITES, 0.0)
    assert ALLOWED_SECONDS <= taken.seconds <= 1.15 * ALLOWED_SECONDS


def test_a_new_instance_is_six_writes_and_at_most_nine_requests_or_twenty_two_calls():
    taken = roll_out(INSTANCES, concurrency=10)
    assert (taken.instances, taken.writes) == (INSTANCES, 6 * INSTANCES)
    assert taken.on_wire <= 9 * INSTANCES
    assert taken.calls <= 22 * INSTANCES
    # A second apply lists the fleet and reads jobs and secrets of ten instances with each request.
    assert (taken.again_writes, taken.again_on_wire <= 20, taken.sweep_on_wire) == (0, True, 5)


def test_without_a_budget_of_its_own_it_is_refused_and_still_heeds_what_graph_says():
    taken = roll_out(INSTANCES, concurrency=10, tenant=LIMITS)
    assert (taken.instances, taken.writes) == (INSTANCES, WRITES)
    # All of them have begun, and what waits for Graph comes back at once.
    assert 0.0 < taken.throttled < 0.3
    assert taken.seconds <= 1.15 * ALLOWED_SECONDS


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_a_part_of_the_budget_is_kept_to(share):
    taken = roll_out(20, concurrency=10, tenant=LIMITS, client=LIMITS | {"budget_share": share})
    own = 100 * share
    windows = (120 - 1) // own
    assert (taken.throttled, taken.instances) == (0.0, 20)
    assert windows * 50.0 <= taken.seconds <= windows * 50.0 * 1.15

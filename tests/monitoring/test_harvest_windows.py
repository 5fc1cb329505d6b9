from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.monitoring.windows import LONGEST, PAGES_PER_WINDOW, SHORTEST, Window, whole_second

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def window(length: timedelta) -> Window:
    return Window(NOON, NOON + length)


def test_a_window_asks_from_a_second_earlier_since_graph_has_no_at_or_after():
    asked = window(timedelta(hours=1))
    assert (asked.after, asked.before) == (NOON - timedelta(seconds=1), NOON + timedelta(hours=1))


@pytest.mark.parametrize(
    ("pages", "factor"), [(0, 8), (1, 8), (2, 8), (10, 2), (PAGES_PER_WINDOW, 1), (40, 0.5), (200, 0.1)]
)
def test_the_next_window_is_made_to_hold_twenty_pages(pages, factor):
    assert window(timedelta(hours=2)).next_length(pages) == timedelta(hours=2) * factor


@given(st.timedeltas(SHORTEST, LONGEST), st.integers(0, 10**6))
def test_a_window_is_never_empty_nor_longer_than_the_longest(length, pages):
    assert SHORTEST <= window(length).next_length(pages) <= LONGEST


def test_a_whole_second_is_cut_and_in_utc():
    berlin = datetime(2026, 5, 1, 14, 0, 0, 999999, tzinfo=timezone(timedelta(hours=2)))
    assert whole_second(berlin) == NOON
    assert whole_second(berlin).tzinfo is UTC


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="a moment needs a time zone: 2026-05-01T12:00:00"):
        whole_second(NOON.replace(tzinfo=None))

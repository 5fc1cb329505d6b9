"""Moments and durations as Graph writes them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_client.models import parse_duration, parse_moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01T12:00:00Z", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01T12:00:00.1234567Z", datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)),
        ("2026-05-01T12:00:00.5Z", datetime(2026, 5, 1, 12, 0, 0, 500000, tzinfo=UTC)),
        ("2026-05-01T14:00:00+02:00", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01T12:00:00", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00.0000000Z", None),
        ("0001-01-01T00:00:00+05:00", None),
        ("9999-12-31T23:59:59.9999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_a_moment(text, moment):
    assert parse_moment(text) == moment


def test_a_moment_is_in_utc():
    assert parse_moment("2026-05-01T14:00:00+02:00").utcoffset() == timedelta(0)


@pytest.mark.parametrize("value", ["soon", "2026-13-01", 5, 1.5, True, [], {}, "9999-12-31T23:59:59-05:00"])
def test_what_is_no_moment(value):
    with pytest.raises(ValueError):  # noqa: PT011  # pydantic's protocol
        parse_moment(value)


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 9))
def test_seven_digits_lose_only_the_seventh(moment, digit):
    text = f"{moment:%H:%M:%S.%f}{digit}Z"
    parsed = parse_moment(f"{moment.year:04}-{moment:%m-%d}T{text}")
    assert parsed == (None if moment.year == 1 else moment)


@given(st.text() | st.integers() | st.none() | st.datetimes(timezones=st.timezones() | st.none()).map(str))
def test_any_value_is_a_moment_or_a_value_error(value):
    try:
        moment = parse_moment(value)
    except ValueError:
        return
    assert moment is None or moment.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT40M", timedelta(minutes=40)),
        ("PT20M", timedelta(minutes=20)),
        ("P1D", timedelta(days=1)),
        ("P2W", timedelta(weeks=2)),
        ("PT0S", timedelta(0)),
        ("-PT5.5S", timedelta(seconds=-5.5)),
        (
            "P10675199DT2H48M5.4775807S",
            timedelta(days=10675199, hours=2, minutes=48, seconds=5, microseconds=477580),
        ),
        ("P", None),
        ("PT", None),
        ("P1Y", None),
        ("40", None),
        ("", None),
        (None, None),
        ("P9999999999D", None),
        (f"P{'9' * 5000}D", None),
    ],
)
def test_a_duration(text, length):
    assert parse_duration(text) == length


@given(st.text() | st.from_regex(r"-?P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", fullmatch=True))
def test_any_text_is_a_duration_or_nothing(text):
    parse_duration(text)


@given(st.timedeltas(min_value=timedelta(0)))
def test_a_length_comes_back(length):
    seconds, microseconds = length.seconds, length.microseconds
    assert parse_duration(f"P{length.days}DT{seconds}.{microseconds:06}S") == length

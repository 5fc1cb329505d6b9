import pytest

from flows.report.content import format_duration, shorten_text
from flows.report.html import _round_numbers, _ticks


@pytest.mark.parametrize(
    ("seconds", "count", "shown"),
    [
        (10_800, 5, ["1 h", "2 h", "3 h"]),
        (10_800, 3, ["1 h", "2 h", "3 h"]),
        (499, 5, ["5 min"]),
        (3, 5, ["1 s", "2 s", "3 s"]),
        (0.4, 5, ["0 s"]),
        (200_000, 3, ["1 d", "2 d"]),
        (9_000_000, 3, ["34 d 17 h", "69 d 10 h", "104 d 4 h"]),
    ],
)
def test_an_axis_has_a_few_round_moments(seconds, count, shown):
    assert [format_duration(tick) for tick in _ticks(seconds, count)] == shown


@pytest.mark.parametrize(
    ("highest", "count", "shown"),
    [(0, 5, []), (1, 3, [1]), (11, 5, [5, 10]), (11, 3, [5, 10]), (999, 5, [200, 400, 600, 800]), (3, 5, [1, 2, 3])],
)
def test_an_axis_of_counts_has_a_few_round_numbers(highest, count, shown):
    assert _round_numbers(highest, count) == shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (90_061, "1 d 1 h"), (86_400, "1 d")],
)
def test_a_time_span_is_said_in_its_two_largest_units(seconds, words):
    assert format_duration(seconds) == words


def test_a_long_text_is_cut():
    assert (shorten_text("abc", 3), shorten_text("abcd", 3)) == ("abc", "ab…")

from datetime import UTC, datetime, timedelta

import pytest
import typer

from flows.cli.options import parse_since


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01", "2026-05-01T00:00:00+00:00"),
        ("2026-05-01T12:30", "2026-05-01T12:30:00+00:00"),
        ("2026-05-01T12:30:15Z", "2026-05-01T12:30:15+00:00"),
        ("2026-05-01T12:30:15.1234567Z", "2026-05-01T12:30:15.123456+00:00"),
        ("2026-05-01T12:30:00+02:00", "2026-05-01T10:30:00+00:00"),
    ],
)
def test_a_date_or_a_moment_in_utc_unless_it_says_otherwise(text, moment):
    assert parse_since(text) == datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
    ],
)
def test_how_long_ago(text, ago):
    before = datetime.now(UTC)
    assert before <= parse_since(text) + ago <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "7", "d", "-7d", "7 d", "999999w", "2026-13-01", "7y"])
def test_anything_else_is_refused_with_the_forms_there_are(text):
    with pytest.raises(typer.BadParameter, match="is not a time: write a date"):
        parse_since(text)

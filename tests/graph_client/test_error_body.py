"""Error answers in all shapes, and numbers in Retry-After."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_client.clock import retry_after_seconds
from graph_client.error_body import read_error, read_json

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "code", "message", "details", "innerError", "innererror", "request-id", "x"]),
            inner,
        )
    ),
    max_leaves=20,
)


def read(body, **headers):
    return read_error({name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize("inner", ["innerError", "innererror"])
def test_the_envelope_is_read(inner):
    body = {"error": {"code": "BadRequest", "message": "No.", inner: {"request-id": "r", "client-request-id": "c"}}}
    found = read(json.dumps(body).encode())
    assert (found.code, found.message, found.request_id, found.client_request_id) == ("BadRequest", "No.", "r", "c")


def test_the_innermost_ids_are_found():
    nested = {"code": "x", "innererror": {"innerError": {"innererror": {"request-id": "deep"}}}}
    assert read(json.dumps({"error": nested}).encode()).request_id == "deep"


def test_headers_beat_the_body():
    body = {"error": {"code": "x", "innerError": {"request-id": "body"}}}
    assert read(json.dumps(body).encode(), request_id="header").request_id == "header"


def test_details_speak_when_the_message_is_empty():
    body = {"error": {"code": "x", "message": "", "details": [{"code": "A", "message": "first"}, {"code": "B"}, 5]}}
    assert read(json.dumps(body).encode()).message == "first; B"


def test_the_unknown_error_of_synchronization_has_no_message():
    found = read(b'{"error": {"code": "UnknownError", "message": "", "innerError": {}}}')
    assert (found.code, found.message) == ("UnknownError", None)


def test_an_oauth_error_is_read():
    found = read(b'{"error": "invalid_client", "error_description": "AADSTS7000215: wrong"}')
    assert (found.code, found.message) == ("invalid_client", "AADSTS7000215: wrong")


def test_a_page_of_a_gateway_has_a_title():
    found = read(b"<html><head><TITLE>502 Bad\n Gateway</TITLE></head></html>")
    assert (found.code, found.message) == (None, "502 Bad Gateway")


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b'{"error": null}', b'{"error": {"co', b"\xff\xfe"])
def test_nothing_is_found_in_nothing(content):
    found = read(content)
    assert (found.code, found.message, found.request_id) == (None, None, None)


def test_a_message_is_one_line_of_bounded_length():
    found = read(json.dumps({"error": {"message": "a\n\nb " + "x" * 5000}}).encode())
    assert found.message.startswith("a b x")
    assert len(found.message) <= 400


@given(st.binary())
def test_any_bytes_are_read(content):
    read(content)


@given(JSON)
def test_any_json_is_read(value):
    found = read(json.dumps(value).encode())
    assert found.message is None or "\n" not in found.message


@given(JSON)
def test_json_comes_back_as_it_was(value):
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("10", 10.0),
        (" 7 ", 7.0),
        ("2.128", 2.128),
        ("0", 0.0),
        ("Fri, 01 May 2026 12:00:30 GMT", 30.0),
        ("Fri, 01 May 2026 14:00:30 +0200", 30.0),
        ("Fri, 01 May 2026 11:00:00 GMT", 0.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("nan", None),
        ("inf", None),
        ("٣", None),
        ("Fri, 99 May 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after(value, seconds):
    assert retry_after_seconds(value, NOW) == seconds


def test_a_date_is_measured_by_the_clock_of_the_service():
    wrong_clock = NOW - timedelta(hours=3)
    date = "Fri, 01 May 2026 12:00:00 GMT"
    assert retry_after_seconds("Fri, 01 May 2026 12:00:20 GMT", wrong_clock, date) == 20.0
    assert retry_after_seconds("Fri, 01 May 2026 12:00:20 GMT", NOW, "rubbish") == 20.0


@given(st.text() | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(format_datetime), st.text())
def test_any_retry_after_is_seconds_or_nothing(value, date):
    seconds = retry_after_seconds(value, NOW, date)
    assert seconds is None or 0.0 <= seconds < float("inf")

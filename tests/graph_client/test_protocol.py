"""The wire protocol, by bytes."""

import json
from datetime import UTC, datetime

import pytest

from graph_client import errors
from graph_client.call import Call, build_path
from graph_client.protocol import Answer, build_url, decode, encode_body, read_next_link, same_origin

ROOT = "https://graph.example"
URL = "https://graph.example/v1.0/servicePrincipals/1"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
READ = Call.get("/servicePrincipals/1")
CREATE = Call.create("/servicePrincipals/1/synchronization/jobs", {"templateId": "aws"})
CHANGE = Call.change("PATCH", "/servicePrincipals/1", {"tags": []})


def decoded(call, status, content=b"", **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return decode(call, URL, Answer(status, names, content, NOW, client_request_id="sent-1"))


def error_of(call, status, content=b"", **headers):
    with pytest.raises(errors.GraphError) as caught:
        decoded(call, status, content, **headers)
    return caught.value


def test_an_object_is_returned():
    assert decoded(READ, 200, b'{"id": "1", "tags": []}') == {"id": "1", "tags": []}


def test_a_byte_order_mark_is_ignored():
    assert decoded(READ, 200, b'\xef\xbb\xbf{"id": "1"}') == {"id": "1"}


def test_half_a_surrogate_pair_is_replaced():
    assert decoded(READ, 200, b'{"displayName": "cut \\ud83d"}') == {"displayName": "cut \ufffd"}
    assert decoded(READ, 200, b'{"displayName": "whole \\ud83d\\ude00"}') == {"displayName": "whole \U0001f600"}


def test_bytes_that_are_not_utf_8_are_replaced():
    assert decoded(READ, 200, b'{"displayName": "M\xfcller"}') == {"displayName": "M\ufffdller"}


@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize("content", [b"", b"{}", b"<html>", b'{"half'])
def test_a_change_expects_nothing(status, content):
    assert decoded(CHANGE, status, content) is None


@pytest.mark.parametrize(
    "content", [b"", b'{"id": "1', b"<html></html>", b"[1]", b'"text"', b"null", b"NaN", b"\x00\xff"]
)
def test_what_is_no_object_is_unreadable(content):
    error = error_of(READ, 200, content, request_id="r-9")
    assert isinstance(error, errors.UnreadableAnswer)
    assert (error.status, error.request_id, error.may_have_happened) == (200, "r-9", False)


def test_a_create_with_an_unreadable_answer_may_have_happened():
    assert error_of(CREATE, 201, b'{"id": "1').may_have_happened


def test_an_answer_nested_without_end_is_unreadable():
    assert isinstance(error_of(READ, 200, b"[" * 100_000), errors.UnreadableAnswer)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "Request_BadRequest", errors.BadRequest),
        (401, "InvalidAuthenticationToken", errors.Unauthorized),
        (403, "Authorization_RequestDenied", errors.Forbidden),
        (404, "Request_ResourceNotFound", errors.NotFound),
        (409, "Request_MultipleObjectsWithSameKeyValue", errors.Conflict),
        (429, "TooManyRequests", errors.Throttled),
        (403, "Directory_QuotaExceeded", errors.QuotaExceeded),
        (400, "Directory_QuotaExceeded", errors.QuotaExceeded),
        (500, "InternalServerError", errors.ServerFailed),
        (502, "", errors.ServerFailed),
        (503, "ServiceUnavailable", errors.ServerFailed),
        (504, "GatewayTimeout", errors.ServerFailed),
        (410, "Gone", errors.GraphStatusError),
        (499, "ClientClosed", errors.GraphStatusError),
    ],
)
def test_a_status_has_its_error(status, code, kind):
    error = error_of(READ, status, json.dumps({"error": {"code": code, "message": "No."}}).encode())
    assert type(error) is kind
    assert (error.status, error.code, error.message) == (status, code or None, "No.")
    assert (error.verb, error.path) == ("GET", "/v1.0/servicePrincipals/1")


def test_an_error_says_what_where_and_what_to_do():
    body = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient\n privileges."}}
    error = error_of(CHANGE, 403, json.dumps(body).encode(), request_id="r-1")
    assert str(error).splitlines() == [
        "Graph: Insufficient privileges.",
        "PATCH /v1.0/servicePrincipals/1: 403 Authorization_RequestDenied, request-id r-1",
        "grant the application permission Application.ReadWrite.All with admin consent; "
        "Application.ReadWrite.OwnedBy is enough only if the caller owns the service principal",
    ]


def test_without_a_request_id_ours_is_named():
    assert "502, client-request-id sent-1" in str(error_of(READ, 502))


@pytest.mark.parametrize(
    ("call", "status", "unknown"),
    [
        (CREATE, 500, True),
        (CREATE, 502, True),
        (CREATE, 504, True),
        (CREATE, 408, True),
        (CREATE, 429, True),
        (CHANGE, 503, True),
        (CREATE, 400, False),
        (CREATE, 403, False),
        (CREATE, 409, False),
        (READ, 500, False),
        (READ, 429, False),
    ],
)
def test_what_may_have_happened(call, status, unknown):
    assert error_of(call, status).may_have_happened is unknown


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/v1.0/x",
        "http://graph.example/v1.0/x",
        "https://graph.example:8443/v1.0/x",
        "//evil.example/v1.0/x",
        "https://graph.example@evil.example/x",
    ],
)
def test_a_redirect_to_another_host_is_refused(location):
    error = error_of(CREATE, 302, b"", location=location)
    assert isinstance(error, errors.HostRefused)
    assert "evil" not in str(error)
    assert not error.may_have_happened


@pytest.mark.parametrize("location", ["/v1.0/other", "other", "https://graph.example/v1.0/other"])
def test_a_redirect_on_the_same_host_is_not_followed(location):
    error = error_of(CREATE, 302, b"", location=location)
    assert isinstance(error, errors.UnreadableAnswer)
    assert "redirect" in error.what
    assert not error.may_have_happened


def test_a_url_is_built_of_root_version_path_and_query():
    call = Call.get("/servicePrincipals", {"$filter": "displayName eq 'A+B & ü'", "$top": "999"})
    assert build_url(ROOT, "beta", call) == (
        "https://graph.example/beta/servicePrincipals?$filter=displayName%20eq%20'A%2BB%20%26%20%C3%BC'&$top=999"
    )


def test_a_next_link_is_followed_as_it_is():
    link = "https://graph.example/v1.0/applications?$skiptoken=a%2Fb%20c&x=1"
    assert build_url(ROOT, "beta", Call.get(link)) == link
    assert read_next_link({"@odata.nextLink": link, "value": []}) == link
    assert read_next_link({"value": [], "@odata.nextLink": None}) is None
    assert read_next_link({"value": [], "@odata.nextLink": 5}) is None


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/applications",
        "http://graph.example/v1.0/applications",
        "https://graph.example:444/v1.0/applications",
        "https://graph.example.evil.example/v1.0",
        "https://graph.example@evil.example/v1.0",
        "https://user@graph.example/v1.0",
        "https://evil.example\\@graph.example/v1.0",
        "//evil.example/v1.0",
        "ftp://graph.example/",
        "https://[::1/v1.0",
        "https://graph.example:port/v1.0",
    ],
)
def test_a_link_to_another_origin_is_refused(link):
    with pytest.raises(errors.HostRefused) as caught:
        build_url(ROOT, "v1.0", Call.get(link))
    assert len(str(caught.value).splitlines()) <= 3


def test_origins_are_compared_as_browsers_do():
    assert same_origin("https://GRAPH.example:443/v1.0", ROOT)
    assert not same_origin("https://graph.example.:443/v1.0", ROOT)


@pytest.mark.parametrize(
    ("segment", "encoded"),
    [
        ("aws.7928d5b5.0f", "/jobs/aws.7928d5b5.0f"),
        ("a/b", "/jobs/a%2Fb"),
        ("a?b#c", "/jobs/a%3Fb%23c"),
        ("a%2Fb", "/jobs/a%252Fb"),
        ("ü x", "/jobs/%C3%BC%20x"),
        ("..x", "/jobs/..x"),
    ],
)
def test_a_segment_is_encoded_on_its_own(segment, encoded):
    assert build_path("jobs", segment) == encoded


@pytest.mark.parametrize("segment", ["", " ", ".", ".."])
def test_a_segment_that_would_change_the_path_is_refused(segment):
    with pytest.raises(errors.InvalidCall):
        build_path("applications", segment)


def test_a_body_is_utf_8_json():
    assert encode_body(Call.create("/x", {"displayName": "Zürich"})) == '{"displayName": "Zürich"}'.encode()
    assert encode_body(READ) is None


def test_the_message_does_not_quote_a_secret():
    secret = 'pa"ss+wörd/1'
    call = Call(method="POST", path="/x", body={}, secrets=(secret, "*"))
    for quoted in (secret, json.dumps(secret), json.dumps(secret, ensure_ascii=False), "pa%22ss%2Bw%C3%B6rd%2F1"):
        body = {"error": {"code": "Bad", "message": f"the token {quoted} is wrong * really"}}
        error = error_of(call, 400, json.dumps(body).encode())
        assert "ss" not in error.message.replace("is wrong", "")
        assert "***" in str(error)
        assert "* really" in error.message
        assert "ss+w" not in repr(error) + repr(call)

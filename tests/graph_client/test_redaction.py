"""Redaction: whatever quotes a secret, however, and wherever in an answer."""

import json
import logging
import string
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given, settings

from graph_client.call import Call
from graph_client.errors import GraphError
from graph_client.protocol import Answer, decode
from graph_client.redaction import MASK, Redaction, learn_secrets, learn_url_password, mask
from tests.graph_client.doubles import Script, answer, client
from tests.leaks import ENCODINGS, leaks_into, spell
from tests.quoting import FIELDS, QUOTED, error_with, quoted

SECRETS = {
    "token": 'Ma"rk+er/é-good-4711',
    "quotes": "both'\"\\\n\x01kinds  two  blanks é😀%41\\u0042&amp;x",
    "key": "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQ==\n-----END KEY-----\n",
    "long": "".join(string.printable[(place * place) % 94] for place in range(600)),
}


def answer_of(field, text):
    """An error answer that has a text in one field."""
    headers, content = error_with(field, text)
    return Answer(400, headers, content, datetime.now(UTC))


def told_by(answer, secrets=()):
    call = Call(method="POST", path="/jobs/validateCredentials", secrets=tuple(secrets))
    with pytest.raises(GraphError) as caught:
        decode(call, "https://graph.example/v1.0/jobs", answer)
    return str(caught.value) + repr(caught.value) + repr(vars(caught.value)) + str(caught.value.message)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_found_in_each_encoding_that_the_search_for_leaks_knows(secret, encoding):
    redaction = Redaction([secret])
    masked = redaction.mask(f"before {quoted(secret, encoding)} after")
    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert not leaks_into(masked, secret)
    content = redaction.mask_bytes(b"before " + spell(secret, encoding) + b" after")
    assert not leaks_into(content.decode("utf-8", "surrogateescape"), secret)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_an_error_holds_no_secret_in_any_field(field, secret):
    for encoding in ENCODINGS:
        text = "x" * 390 + quoted(secret, encoding)
        assert not leaks_into(told_by(answer_of(field, text), [secret]), secret), encoding


def assert_not_told(secret_and_core, encoding, field, around):
    secret, core = secret_and_core
    told = told_by(answer_of(field, around + quoted(secret, encoding) + around), [secret])
    assert not leaks_into(told, secret)
    assert core not in told


@given(*QUOTED)
@settings(max_examples=60)
def test_no_secret_is_quoted_by_an_error(secret, encoding, field, around):
    assert_not_told(secret, encoding, field, around)


HALVES = [
    ("%", "41é-rest-of-it", "URL"),
    ("%4", "1é-rest-of-it", "URL"),
    ("%C3", "éa-rest é of-it", "URL"),
    ("%", "C3éa-rest é of-it", "URL"),
    ("&", "amp;<rest-of-it", "HTML"),
    ("&#3", "9;<rest-of-it", "HTML"),
    ("\\", "x41é-rest-of-it", "repr of bytes"),
    ("\\u00", "41é-rest-of-it", "JSON"),
    ("\\", "u0041é-rest-of-it", "JSON"),
    ("%u", "0041é-rest-of-it", "URL"),
]


@pytest.mark.parametrize(("before", "secret", "encoding"), HALVES)
def test_half_an_escape_before_a_secret_does_not_hide_it(before, secret, encoding):
    inner = quoted(secret, encoding).strip("b'\"")
    masked = Redaction([secret]).mask(f"got {before}{inner} and more")
    assert MASK in masked
    assert "rest" not in masked
    assert masked.endswith(" and more")


@pytest.mark.parametrize("kept", [12, 30, 200, 599])
def test_what_is_left_of_a_secret_that_was_cut_is_masked(kept):
    secret = SECRETS["long"].replace(" ", "")
    masked = Redaction([secret]).mask(f"got {secret[: kept + 20]}… and more")
    assert masked.startswith(f"got {MASK}")
    assert secret[:8] not in masked


def test_a_line_of_a_key_is_masked_alone():
    line = SECRETS["key"].splitlines()[1]
    assert Redaction([SECRETS["key"]]).mask(f"unreadable: {line}!") == f"unreadable: {MASK}!"


def test_a_short_secret_is_masked_where_it_stands_alone():
    redaction = Redaction(["7x", "-"])
    assert redaction.mask("pin 7x, 17x7x, prod-7x") == f"pin {MASK}, 17x7x, prod-7x"


def test_other_text_stays_as_it_is():
    text = 'Text with "quotes" %41 \\u0041 &amp; é + - and\nlines'
    assert Redaction(SECRETS.values()).mask(text) == text
    assert Redaction().mask(text) is text
    assert Redaction(["", None]).mask(text) is text


def test_values_of_one_call_are_masked_in_its_error_alone():
    assert mask("user jane.doe", ["jane.doe"]) == f"user {MASK}"
    assert mask("user jane.doe") == "user jane.doe"


@pytest.mark.parametrize(
    "url", ["http://me:pa%2Fss-4711@proxy:8080", "http://me:pa/ss-4711@proxy", "http://[", "", None]
)
def test_the_password_of_a_url_is_learned(url):
    learn_url_password(url)
    assert mask("no text") == "no text"
    if url and "%2F" in url:
        assert mask("pa/ss-4711") == mask("pa%2Fss-4711") == MASK


async def test_a_proxy_that_quotes_the_token_or_its_password_is_not_told(caplog):
    caplog.set_level(logging.DEBUG, "graph_client")
    token, password = "eyJtoken.of.graph4711", "pr0xy-Pass"
    learn_secrets(token, password)
    for step in (httpx.ProxyError(f"407 no {token}"), httpx.ProxyError(f"407 {quoted(password, 'base64 after 2')}")):
        async with client(Script(step), attempts=1) as graph:
            with pytest.raises(GraphError) as caught:
                await graph.applications.get("1")
        assert MASK in str(caught.value)
        assert token not in str(caught.value)


async def _try(graph):
    told = await graph.synchronization.provision_on_demand("sp", "job-4711", "rule", "who", "User")
    return [told.reason, told.result, told.change_id, *(step.description for step in told.steps)]


async def _log(graph):
    (page,) = [page async for page in graph.provisioning_logs.pages()]
    return [page[0].raw, page[0].id]


async def _job(graph):
    return [await graph.synchronization.get_job("sp", "job-4711")]


async def _jobs(graph):
    return await graph.synchronization.jobs("sp")


def _on_demand_answer(text):
    summary = {"changeId": "id-4711", "provisioningSteps": [{"name": "EntryImport", "description": text}]}
    key = {"result": "Failure", "details": {"errorCode": "x", "errorMessage": text}}
    return {"key": json.dumps(key), "value": json.dumps(summary)}


def _event(text):
    step = {"name": "EntryImport", "description": text, "details": {"Error": text}}
    info = {"status": "failure", "errorInformation": {"reason": text, "additionalDetails": text}}
    event = {"id": "id-4711", "provisioningStatusInfo": info, "provisioningSteps": [step]}
    return {"value": [event | {"modifiedProperties": [{"newValue": text}]}]}


def _job_answer(text):
    error = {"code": "Unauthorized", "message": text}
    status = {"code": "Quarantine", "quarantine": {"error": error}, "lastExecution": {"error": error}}
    return {"id": "job-4711", "status": status}


@pytest.mark.parametrize(
    ("read", "answer_of_text"),
    [
        (_try, _on_demand_answer),
        (_log, _event),
        (_job, _job_answer),
        (_jobs, lambda text: {"value": [_job_answer(text)]}),
    ],
    ids=["on demand", "log", "job", "jobs"],
)
async def test_a_target_that_is_quoted_in_a_good_answer_tells_no_secret(read, answer_of_text):
    # "4711" is a secret that ids hold, too: they stay, or nothing would be found again.
    learn_secrets(*SECRETS.values(), "4711")
    for secret in SECRETS.values():
        for encoding in ENCODINGS:
            text = quoted(secret, encoding).encode("utf-8", "replace").decode()
            body = answer_of_text(f"401 for Authorization: Bearer {text}")
            async with client(Script(answer(body=body))) as graph:
                told = repr(await read(graph))
            assert MASK in told
            assert "4711" in told
            assert not leaks_into(told, secret), encoding


async def test_a_schema_is_never_masked_since_it_is_written_back():
    learn_secrets("jobTitle-4711")
    async with client(Script(answer(body={"id": "x", "name": "jobTitle-4711"}))) as graph:
        assert (await graph.synchronization_schemas.get("sp", "job"))["name"] == "jobTitle-4711"

"""Sending: headers, time limits, and answers that never come."""

import asyncio
import logging
import uuid

import httpx
import pytest

from graph_client import errors
from tests.graph_client.doubles import TOKEN, Script, answer, client, refusal


async def error_of(step, call=lambda graph: graph.applications.get("1"), **changes):
    async with client(Script(step), **{"attempts": 1, **changes}) as graph:
        with pytest.raises(errors.GraphError) as caught:
            await call(graph)
    return caught.value


def create(graph):
    return graph.synchronization.create_job("1", "aws")


async def test_every_request_says_who_and_which_it_is():
    script = Script(answer(200, {"id": "1"}))
    async with client(script, user_agent="fleet/1") as graph:
        await graph.applications.get("1")
    headers = script.requests[0].headers
    assert uuid.UUID(headers["client-request-id"]).version == 4
    assert headers["user-agent"] == "fleet/1"
    assert headers["accept"] == "application/json"
    assert "content-type" not in headers


WRITES = {
    "start": lambda graph: graph.synchronization.start("1", "aws.1"),
    "pause": lambda graph: graph.synchronization.pause("1", "aws.1"),
    "patch": lambda graph: graph.applications.patch("1", {"notes": "x"}),
    "put": lambda graph: graph.synchronization.save_secrets("1", {"Url": "u"}),
    "create": create,
}
BODYLESS = [
    refusal(400, "BadRequest", "Write requests (excluding DELETE) must contain the Content-Type header declaration."),
    refusal(400, "BadRequest", "Empty Payload. JSON content expected."),
]


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_every_write_has_a_content_type_and_a_length_body_or_not(write):
    script = Script(answer(200, {"id": "1"}))
    async with client(script) as graph:
        await write(graph)
    (request,) = script.requests
    assert request.headers["content-type"] == "application/json"
    assert int(request.headers["content-length"]) == len(request.content)


@pytest.mark.parametrize("said", BODYLESS, ids=["no type", "empty"])
@pytest.mark.parametrize("write", ["start", "pause"])
async def test_a_write_that_the_gateway_refused_for_its_empty_body_is_sent_once_more_with_one(write, said):
    script = Script(said, answer(200, {}))
    async with client(script) as graph:
        await WRITES[write](graph)
    assert script.bodies() == [None, {}]


@pytest.mark.parametrize("write", ["start", "pause", "put"])
async def test_and_no_more_than_once(write):
    script = Script(BODYLESS[0])
    async with client(script) as graph:
        with pytest.raises(errors.BadRequest):
            await WRITES[write](graph)
    assert script.bodies()[1:] in ([], [{}])


async def test_time_limits_come_from_the_settings():
    script = Script(answer(204))
    limits = {"connect_timeout_seconds": 1.0, "read_timeout_seconds": 2.0, "write_timeout_seconds": 3.0}
    async with client(script, pool_timeout_seconds=4.0, validate_timeout_seconds=99.0, **limits) as graph:
        await graph.applications.patch("1", {})
        await graph.synchronization.validate_credentials("1", {}, job_id="aws.1")
    assert script.requests[0].extensions["timeout"] == {"connect": 1.0, "read": 2.0, "write": 3.0, "pool": 4.0}
    assert script.requests[1].extensions["timeout"]["read"] == 99.0


async def test_an_answer_that_drips_without_end_is_given_up():
    async def serve(request):
        await asyncio.Event().wait()

    async with client(serve, attempts=1, attempt_timeout_seconds=0.01) as graph:
        with pytest.raises(errors.TransportFailed) as caught:
            await create(graph)
    assert caught.value.may_have_happened


@pytest.mark.parametrize(
    ("fault", "unknown"),
    [
        (httpx.ConnectError("[Errno -2] Name or service not known"), False),
        (httpx.ConnectTimeout(""), False),
        (httpx.PoolTimeout(""), False),
        (httpx.ReadTimeout(""), True),
        (httpx.WriteError("broken pipe"), True),
        (httpx.RemoteProtocolError("Server disconnected"), True),
    ],
)
async def test_no_answer(fault, unknown):
    error = await error_of(fault, create)
    assert isinstance(error, errors.TransportFailed)
    assert error.may_have_happened is unknown
    assert (error.verb, error.path) == ("POST", "/v1.0/servicePrincipals/1/synchronization/jobs")
    assert type(fault).__name__ in error.what
    assert "client-request-id" in str(error)
    assert len(str(error).splitlines()) == 3
    assert not (await error_of(fault)).may_have_happened


async def test_an_untrusted_certificate_names_the_ca_file():
    error = await error_of(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"))
    assert "ca_file" in error.hint


async def test_an_answer_that_is_not_compressed_as_it_says():
    def garbled(request):
        # Reading the content is what fails, as on a real connection.
        raise httpx.DecodingError("not gzip", request=request)

    error = await error_of(garbled, create)
    assert isinstance(error, errors.UnreadableAnswer)
    assert error.may_have_happened


async def test_a_cancelled_call_stays_cancelled():
    async def serve(request):
        await asyncio.Event().wait()

    async with client(serve) as graph:
        call = asyncio.ensure_future(graph.applications.get("1"))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_neither_token_nor_body_is_logged_or_told(caplog):
    caplog.set_level(logging.DEBUG)
    secret = "marker-" + "s3cr3t" * 3
    call = lambda graph: graph.synchronization.save_secrets("1", {"SecretToken": secret})  # noqa: E731
    for step in (refusal(400, "BadRequest", f"bad value {secret}"), httpx.ReadTimeout(""), answer(204)):
        async with client(Script(step), attempts=1) as graph:
            try:
                await call(graph)
            except errors.GraphError as error:
                told = str(error) + repr(error) + repr(vars(error))
                assert secret not in told
                assert TOKEN not in told
    assert "/synchronization/secrets" in caplog.text
    assert secret not in caplog.text
    assert TOKEN not in caplog.text

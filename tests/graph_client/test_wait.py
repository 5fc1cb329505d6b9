"""Waiting until something has settled."""

import pytest

from graph_client import errors
from tests.graph_client.doubles import FakeTime, Script, answer, client, refusal


async def wait(reads, time=None, **options):
    """Wait on scripted reads: values, None, or errors; returns the value and the number of reads."""
    reads = list(reads)
    count = 0

    async def check():
        nonlocal count
        count += 1
        read = reads.pop(0) if len(reads) > 1 else reads[0]
        if isinstance(read, BaseException):
            raise read
        return read

    async with client(Script(answer(204)), time or FakeTime()) as graph:
        return await graph.wait_until(check, **options), count


def not_yet(status=404):
    error = errors.NotFound("Graph: no such thing", status=status, code="Request_ResourceNotFound", hint="look")
    error.not_yet = True
    return error


async def test_it_takes_several_good_reads():
    assert await wait(["a", "b", "c"], seen=3) == ("c", 3)
    assert await wait(["a"], seen=1) == ("a", 1)


async def test_a_flicker_costs_one_more_good_read_and_not_all():
    assert await wait(["a", "b", "c", None, "d", "e"], seen=4) == ("e", 6)
    assert await wait([None, None, None, "a", "b"], seen=2) == ("b", 5)


async def test_a_falsy_value_is_a_value():
    assert await wait([0, []], seen=2) == ([], 2)


async def test_not_yet_counts_as_a_bad_read():
    assert await wait([not_yet(), "a", not_yet(), "b", "c"], seen=2) == ("c", 5)


async def test_another_error_ends_the_wait():
    forbidden = errors.Forbidden("no", status=403)
    with pytest.raises(errors.Forbidden):
        await wait([forbidden, "a"], seen=1)


async def test_the_wait_is_bounded_and_says_what_was_last():
    time = FakeTime()
    with pytest.raises(errors.WaitExpired) as caught:
        await wait([None, not_yet()], time, seen=2, within_seconds=60.0)
    assert 50.0 <= sum(time.slept) <= 60.0
    text = str(caught.value)
    assert "0 of 2" in text
    assert "no such thing" in text
    assert "look" in text
    assert len(text.splitlines()) == 3


async def test_the_interval_grows_while_nothing_is_there_and_falls_back():
    time = FakeTime()
    await wait([None, None, None, "a", "b"], time, seen=2, interval_seconds=1.0)
    assert time.slept == [1.0, 1.5, 2.25, 1.0]


async def test_a_long_interval_is_kept():
    time = FakeTime()
    await wait([None, None, "a"], time, seen=1, interval_seconds=60.0)
    assert time.slept == [60.0, 60.0]


async def test_it_waits_for_real_reads():
    missing = refusal(404, "Request_ResourceNotFound", "Resource '1' does not exist")
    script = Script(missing, answer(200, {"id": "1"}), missing, answer(200, {"id": "1"}))
    async with client(script) as graph:
        found = await graph.wait_until(lambda: graph.service_principals.get("1"), seen=2)
    assert found.id == "1"
    assert len(script.requests) == 5

import asyncio

import pytest

from flows.sources import remembering


@pytest.fixture
def asked():
    return []


@pytest.fixture
def read(asked):
    async def reading(name):
        asked.append(name)
        number = len(asked)
        await asyncio.sleep(0)
        if name == "bad":
            raise KeyError(name)
        return f"{name} {number}"

    return reading


async def test_a_name_is_asked_for_once_also_by_many_at_the_same_time(read, asked):
    remembered = remembering(read, 60)
    assert await asyncio.gather(*(remembered(name) for name in "abab")) == ["a 1", "b 2", "a 1", "b 2"]
    assert (await remembered("a"), asked) == ("a 1", ["a", "b"])


async def test_an_answer_is_good_for_a_while(read):
    remembered = remembering(read, 0)
    assert (await remembered("a"), await remembered("a")) == ("a 1", "a 2")
    remembered = remembering(read, 0.01)
    assert (await remembered("a"), await remembered("a")) == ("a 3", "a 3")
    await asyncio.sleep(0.05)
    assert await remembered("a") == "a 4"


async def test_a_failure_is_told_to_everybody_who_waits_and_not_remembered(read, asked):
    remembered = remembering(read, 60)
    answers = await asyncio.gather(*(remembered("bad") for _ in range(3)), return_exceptions=True)
    assert ([type(answer) for answer in answers], asked) == ([KeyError] * 3, ["bad"])
    with pytest.raises(KeyError):
        await remembered("bad")
    assert asked == ["bad", "bad"]

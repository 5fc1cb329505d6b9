import asyncio

from flows.sources import once


async def test_a_name_is_asked_for_once_also_by_many_at_the_same_time():
    asked = []

    async def read(name):
        asked.append(name)
        await asyncio.sleep(0)
        return name.upper()

    remembered = once(read)
    assert await asyncio.gather(*(remembered(name) for name in "abab")) == ["A", "B", "A", "B"]
    assert (await remembered("a"), asked) == ("A", ["a", "b"])


async def test_a_failure_is_told_to_everybody_who_asks():
    async def read(name):
        raise KeyError(name)

    remembered = once(read)
    answers = await asyncio.gather(*(remembered("a") for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [KeyError] * 3

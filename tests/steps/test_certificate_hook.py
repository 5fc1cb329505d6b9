"""A hook that cannot do its work stops the rotation of its instance, and leaves nothing running."""

import os
import sys

import psutil
import pytest

from flows.errors import StepFailed
from flows.steps.certificates import run_hook

VARIABLES = {"ENTRA_FLEET_HOOK_KEY": "a"}


async def refusal_of(command, longest_seconds=30.0):
    with pytest.raises(StepFailed) as failed:
        await run_hook(command, VARIABLES, os.environ, longest_seconds=longest_seconds)
    assert failed.value.code == "HookFailed"
    return failed.value.message


@pytest.mark.parametrize("command", ["/nowhere/hook", "/", "hook 'of one quote"])
async def test_one_that_cannot_be_started_is_said(command):
    assert "hook of a cannot be started: " in await refusal_of(command)


async def test_one_that_does_not_end_is_killed():
    assert "did not end within 0.05 s" in await refusal_of("sleep 3601", longest_seconds=0.05)
    assert ["sleep", "3601"] not in [each.info["cmdline"] for each in psutil.process_iter(["cmdline"])]


async def test_one_that_fails_is_quoted_with_its_last_lines():
    program = "import sys; print('one', 'two', 'three', 'four', sep=chr(10)); sys.exit(3)"
    told = await refusal_of(f'{sys.executable} -S -c "{program}"')
    assert told == "The certificate hook of a failed with exit code 3: two / three / four"


async def test_one_that_fails_without_a_word_is_said_to_have_printed_nothing():
    assert await refusal_of("false") == "The certificate hook of a failed with exit code 1: it printed nothing"

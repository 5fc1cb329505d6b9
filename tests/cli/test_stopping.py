"""What a signal does to `up`: at first it interrupts, then it is a wish, and it never stops the stopping."""

import os
import signal

import pytest

from flows.cli.up.stack import until_stop_requested

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
def test_while_it_starts_the_first_signal_interrupts_and_no_other(number):
    with until_stop_requested() as stop:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert stop.wait(0)


@pytest.mark.parametrize("number", SIGNALS)
def test_once_it_is_up_a_signal_is_a_wish_however_often(number):
    with until_stop_requested() as stop:
        stop.settle()
        assert not stop.wait(0)
        for _ in range(3):
            os.kill(os.getpid(), number)
        assert stop.wait(0)


def test_afterwards_signals_do_what_they_did():
    before = [signal.getsignal(number) for number in SIGNALS]
    with until_stop_requested():
        pass
    assert [signal.getsignal(number) for number in SIGNALS] == before

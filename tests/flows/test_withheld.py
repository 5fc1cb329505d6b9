import traceback

import pytest
from pydantic import SecretStr

from flows.reconcile.references import Secret
from flows.reconcile.steps.failure import StepFailed
from flows.withheld import Withheld, withheld

VALUE = 'hunter2"+/é'
VALUES = {"SecretToken": Secret(SecretStr(VALUE))}


def caused():
    try:
        return {}[VALUE]
    except KeyError as error:
        raise RuntimeError("no text") from error


def encoded():
    (VALUE + "\udcff").encode()


def quoted():
    raise RuntimeError(f"cannot send {VALUE!r}")


@pytest.mark.parametrize("fails", [caused, encoded, quoted])
def test_an_error_that_holds_a_value_is_replaced(fails):
    with pytest.raises(Withheld) as caught, withheld(VALUES):
        fails()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "hunter2" not in told
    assert fails.__name__ in told
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_another_error_is_left_as_it_is():
    error = RuntimeError("power cut")
    with pytest.raises(RuntimeError) as caught, withheld(VALUES):
        raise error
    assert caught.value is error


def test_a_failure_that_we_worded_is_left_as_it_is():
    with pytest.raises(StepFailed), withheld(VALUES):
        raise StepFailed("Code", "message")

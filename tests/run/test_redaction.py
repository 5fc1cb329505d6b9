import logging
import traceback

import pytest
from pydantic import SecretStr

from flows.credentials.references import Secret, resolve
from flows.errors import StepFailed
from flows.run.redaction import Redacted, RedactedRecords, redact_errors
from graph_client.redaction import learn_secrets
from tests.leaks import leaks_into

VALUE = "hunter2\"+'/é\x01\n4711"


@pytest.fixture(autouse=True)
def secret():
    learn_secrets(VALUE)


def caused():
    try:
        return {}[VALUE]
    except KeyError as error:
        raise RuntimeError("no text") from error


def meanwhile():
    try:
        return {}[VALUE]
    except KeyError:
        raise RuntimeError("no text")  # noqa: B904  # its context is the point


def encoded():
    (VALUE + "\udcff").encode()


def quoted():
    raise RuntimeError(f"cannot send { ({'SecretToken': VALUE})!r}")


def noted():
    error = RuntimeError("no text")
    error.add_note(f"while sending {VALUE}")
    raise error


def grouped():
    raise ExceptionGroup("no text", [ValueError("other"), ExceptionGroup("inner", [KeyError(VALUE)])])


def base_grouped():
    raise BaseExceptionGroup("no text", [KeyboardInterrupt(), ValueError(VALUE)])


def left():
    raise SystemExit(VALUE)


class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def silent():
    raise Silent(VALUE)


FAILING = [caused, meanwhile, encoded, quoted, noted, grouped, base_grouped, left, silent]


@pytest.mark.parametrize("fails", FAILING)
def test_an_error_that_holds_a_value_is_replaced(fails):
    with pytest.raises(Redacted) as caught, redact_errors():
        fails()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert not leaks_into(told, VALUE)
    assert "hunter2" not in told
    assert fails.__name__ in told
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_another_error_is_left_as_it_is():
    error = RuntimeError("power cut")
    with pytest.raises(RuntimeError) as caught, redact_errors():
        raise error
    assert caught.value is error


def test_a_failure_that_we_worded_is_left_as_it_is_and_holds_no_value():
    error = StepFailed(VALUE, f"message {VALUE}", VALUE, request_id=VALUE)
    with pytest.raises(StepFailed) as caught, redact_errors():
        raise error
    assert caught.value is error
    assert not leaks_into(str(error) + repr(error) + str(error.as_json()), VALUE)


async def test_what_a_reference_leads_to_is_known_from_then_on():
    value = "from-a-vault-'\"4712"

    def broken(name):
        raise RuntimeError(VALUE)

    def good(name):
        return Secret(SecretStr(value))

    await resolve("${env:GOOD}", {"env": good}, instance="one", key="SecretToken")
    with pytest.raises(Redacted) as caught, redact_errors():
        raise RuntimeError(f"{value!r}")
    assert not leaks_into(str(caught.value), value)
    with pytest.raises(Exception, match="cannot be read") as refused:
        await resolve("${env:BAD}", {"env": broken}, instance="one", key="SecretToken")
    assert not leaks_into("".join(traceback.format_exception(refused.value)), VALUE)


@pytest.mark.parametrize(
    "write",
    [
        lambda logger: logger.debug("sending %s", VALUE),
        lambda logger: logger.info("sending %r", {"SecretToken": VALUE}),
        lambda logger: logger.info(f"{VALUE!r}"),  # noqa: G004
        lambda logger: logger.info("malformed %s", VALUE, VALUE),  # noqa: PLE1205
    ],
)
def test_no_logger_writes_a_value(write, redacted_records, caplog):
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger("httpcore.http11")
    # Installing the log filter in the same process keeps this one to warnings.
    caplog.set_level(logging.DEBUG, logger=logger.name)
    write(logger)
    assert not leaks_into(caplog.text + repr(caplog.records[0].__dict__), VALUE)


def test_no_traceback_in_a_log_has_a_value(redacted_records, caplog):
    try:
        grouped()
    except ExceptionGroup:
        logging.getLogger("any").exception("failed")
    assert "grouped" in caplog.text
    assert not leaks_into(caplog.text, VALUE)
    assert caplog.records[0].exc_info is None


@pytest.fixture
def redacted_records():
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(RedactedRecords(before))
    yield
    logging.setLogRecordFactory(before)

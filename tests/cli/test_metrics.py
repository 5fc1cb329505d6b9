"""The command `metrics`: printed, in a file, and served."""

import re
import signal

import httpx
import pytest

from flows.store import JobObservation, open_store
from tests.cli.conftest import finished, started
from tests.store.audits import MAY
from tests.store.databases import lay_empty_store
from tests.store.events import TENANT

STATE = f'entra_fleet_job_state{{fleet="contoso",key="eu",state="steady",tenant_id="{TENANT}"}} 1.0\n'


@pytest.fixture
def url(tmp_path):
    url = lay_empty_store(tmp_path / "store.db")
    with open_store(url) as store:
        seen = {"tenant_id": TENANT, "fleet": "contoso", "key": "eu", "observed_at": MAY}
        store.jobs.record_all([JobObservation(**seen, state="steady")])
    return url


def test_printed(entra_fleet_here, url):
    result = entra_fleet_here("metrics", "--store", url)
    assert (STATE in result.out, result.err, result.code) == (True, "", 0)


def test_a_file_is_replaced_at_once(entra_fleet_here, url, tmp_path):
    path = tmp_path / "metrics" / "entra-fleet.prom"
    path.parent.mkdir()
    path.write_text("what was there before")
    before = path.stat().st_ino
    result = entra_fleet_here("metrics", "--out", path, "--store", url)
    assert (result.out, result.err, result.code) == ("", "", 0)
    assert STATE in path.read_text()
    assert path.stat().st_ino != before
    assert list(path.parent.iterdir()) == [path]


def test_served_on_the_loopback_until_it_is_told_to_stop(url):
    process = started("metrics", "--port", "0", "--store", url)
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+/metrics", process.stderr.readline())[0]
        answer = httpx.get(address)
        assert (answer.status_code, STATE in answer.text) == (200, True)
    finally:
        process.send_signal(signal.SIGINT)
        ended = finished(process)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--out", "x.prom", "--port", "0"), 2),
        (("--out", "/nowhere/x.prom"), 1),
        (("--port", "1", "--address", "192.0.2.1"), 1),
    ],
)
def test_what_cannot_be_done_is_said_in_two_lines(entra_fleet, url, options, code):
    result = entra_fleet("metrics", *options, "--store", url)
    assert (result.out, len(result.err.splitlines()), result.code) == ("", 2, code)

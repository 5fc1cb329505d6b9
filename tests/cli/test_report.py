import pytest

from tests.report.stores import furnished
from tests.store.databases import lay_empty_store


@pytest.fixture
def url(tmp_path):
    url = lay_empty_store(tmp_path / "store.db")
    with furnished(url):
        return url


def test_it_writes_one_page(entra_fleet, url, tmp_path):
    out = tmp_path / "page.html"
    done = entra_fleet("report", "--out", out, "--fleet", "contoso", "--days", "400", "--store", url)
    assert (done.code, done.out) == (0, "")
    assert "share it with care" in done.err
    assert out.read_text().startswith("<!doctype html>")
    assert "Provisioning report: contoso" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fleet", "nope"), "The store has no fleet nope.\nIt has: contoso.\n"),
        (("--out", "/proc/nope/report.html"), "/proc/nope/report.html: No such file or directory.\nUse --out"),
    ],
)
def test_what_cannot_be_done_is_said(entra_fleet, url, arguments, said):
    done = entra_fleet("report", "--store", url, *arguments)
    assert (done.code, done.out) == (1, "")
    assert said in done.err


def test_days_have_bounds(entra_fleet, url):
    assert entra_fleet("report", "--store", url, "--days", "0").code == 2

from flows.report.content import build_report
from flows.report.markdown import render_markdown
from flows.store import open_store
from tests.report.stores import NOW, furnished


def test_it_says_in_brief_what_the_page_says(sqlite_url):
    with furnished(sqlite_url) as store:
        text = render_markdown(build_report(store, days=7, now=NOW))
    assert text.startswith("**Jobs:** 1 quarantined, 1 missing, 1 steady\n\n**Events:** 8 failure, 30 success")
    assert "### Needs attention\n\n| app | cause | to do |\n| --- | --- | --- |\n| box | More than 40 %" in text
    assert "`entra-fleet jobs restart FLEET --only box" in text
    assert "| EntryConflict | 7 | 1 |" in text
    assert "| 2026-05-20 | 2 | 3 |" in text
    assert "complete up to 2026-05-20 15:30 UTC, 1 gaps" in text


def test_a_name_cannot_break_out_of_its_cell(sqlite_url):
    with furnished(sqlite_url) as store:
        text = render_markdown(build_report(store, days=7, now=NOW))
    assert "<script" not in text
    rows = [line for line in text.splitlines() if line.startswith("| Odd")]
    assert [row.count("|") for row in rows] == [5]


def test_an_empty_store_has_little_to_say(sqlite_url):
    with open_store(sqlite_url) as store:
        assert render_markdown(build_report(store, days=1, now=NOW)).startswith("**Jobs:** none\n\n**Events:** none")

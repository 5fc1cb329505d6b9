import re
from collections import Counter
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from flows.report.content import build_report
from flows.report.html import render_html
from flows.store import open_store
from tests.report.stores import EVIL, NOW, application, at, furnished, job
from tests.store.events import TENANT, failed, succeeded

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Outline(HTMLParser):
    """The elements of a page, and whether each is closed where it should be."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing, at {self.getpos()}"

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def page(sqlite_url):
    with furnished(sqlite_url) as store:
        return render_html(build_report(store, days=30, now=NOW))


def test_names_from_elsewhere_stay_names(page):
    outline = Outline(page)
    assert outline.open == []
    assert {tag for tag, _ in outline.elements} & {"script", "iframe", "object", "link", "img"} == set()
    assert not any(name.startswith("on") for _, attributes in outline.elements for name in attributes)
    assert EVIL in outline.text
    assert "<script" not in page
    assert "49" not in re.findall(r"alert\('x'\).{0,40}", outline.text)[0]


def test_the_page_asks_for_nothing_and_names_no_password(tmp_path):
    with furnished(f"sqlite:///{tmp_path}/store.db") as store:
        page = render_html(build_report(store, days=30, now=NOW))
    addresses = set(re.findall(r"https?://[^\"'<> ]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in page
    assert f"{tmp_path}/store.db" in page


def test_anchors_lead_somewhere_and_ids_are_one_of_a_kind(page):
    elements = Outline(page).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert sorted(ids) == sorted(set(ids))
    links = {attributes["href"] for tag, attributes in elements if tag == "a"}
    assert {link for link in links if link[1:] not in ids} == set()


def test_those_who_cannot_see_it_are_told_the_same(page):
    elements = Outline(page).elements
    drawings = [attributes for tag, attributes in elements if tag == "svg"]
    assert len(drawings) == 4
    assert all(each["role"] == "img" and each["aria-label"] for each in drawings)
    tables = [tag for tag, _ in elements if tag in {"table", "caption"}]
    assert tables == ["table", "caption"] * (len(tables) // 2)
    assert all("scope" in attributes for tag, attributes in elements if tag == "th")


def test_the_charts_have_a_bar_for_each_day_and_status_and_for_each_slow_job(page):
    bars = Counter(attributes["class"] for tag, attributes in Outline(page).elements if tag == "rect")
    days_and_legend, slow_jobs = 10 + 1, 2
    assert bars == {"failure": 2 * days_and_legend, "success": 2 * (days_and_legend + slow_jobs)}


def test_the_same_store_gives_the_same_page(sqlite_url):
    with furnished(sqlite_url) as store:
        first, second = (render_html(build_report(store, days=30, now=NOW)) for _ in range(2))
    assert first == second


def test_an_empty_store_gives_a_page_that_says_so(sqlite_url):
    with open_store(sqlite_url) as store:
        text = Outline(render_html(build_report(store, days=30, now=NOW))).text
    assert "Nothing has been harvested yet" in text


def sections(page):
    return [attributes["aria-labelledby"] for tag, attributes in Outline(page).elements if tag == "section"]


def test_a_section_with_nothing_in_it_is_not_there(page, sqlite_url, tmp_path):
    whole = ["glance", "attention", "events", "errors", "slowest", "quarantines", "applications", "harvest"]
    assert sections(page) == whole
    with open_store(f"sqlite:///{tmp_path}/quiet.db") as store:
        store.jobs.record_all([job("box", "steady")])
        quiet = render_html(build_report(store, days=30, now=NOW))
    assert sections(quiet) == ["glance", "applications", "harvest"]


def test_applications_are_grouped_by_state_and_a_long_list_that_needs_nobody_is_closed(tmp_path):
    with open_store(f"sqlite:///{tmp_path}/many.db") as store:
        store.jobs.record_all(
            [*(job(f"k{n}", "steady") for n in range(300)), job("ill", "missing"), job("p", "paused")]
        )
        page = render_html(build_report(store, days=30, now=NOW))
    groups = [found for tag, found in Outline(page).elements if tag == "details" and found.get("class") == "group"]
    assert [(each["id"], "open" in each) for each in groups] == [
        ("state-missing", True),
        ("state-paused", True),
        ("state-steady", False),
    ]


def test_quarantines_with_one_cause_are_one_card_with_commands_for_all(tmp_path):
    reason = "EncounteredQuarantineException"
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        store.jobs.record_all(job(f"k{n}", "quarantined", reason=reason) for n in range(3))
        page = render_html(build_report(store, days=30, now=NOW))
    assert len([tag for tag, _ in Outline(page).elements if tag == "article"]) == 1
    assert "entra-fleet rotate FLEET --only k0 --only k1 --only k2" in page


@pytest.mark.parametrize(("minutes", "charts"), [((30, 30, 30), 0), ((30, 30, 90), 1)])
def test_durations_that_are_all_equal_are_no_chart(tmp_path, minutes, charts):
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        for n, length in enumerate(minutes):
            app = application(f"0f1e2d3c-0000-4000-8000-{n:012d}", f"App {n}")
            ends = (succeeded(f"e{n}-{hours}", **at(hours, f"c{n}"), **app) for hours in (5, 5 - length / 60))
            store.harvests.save(TENANT, list(ends), watermark=NOW)
        page = render_html(build_report(store, days=30, now=NOW))
    labels = [found["aria-label"] for tag, found in Outline(page).elements if tag == "svg"]
    assert len([label for label in labels if "slowest" in label]) == 2 * charts
    assert "took 30 min" in Outline(page).text or charts


def test_a_page_of_a_thousand_applications_is_below_a_megabyte(sqlite_url):
    with open_store(sqlite_url) as store:
        long = "a-name-as-long-as-people-choose-them"
        for part in range(10):
            apps = [
                (f"0f1e2d3c-0000-4000-8000-{n:012d}", f"{long}-{n:04d}") for n in range(part * 100, part * 100 + 100)
            ]
            events = [
                [
                    succeeded(f"s{id_}", **at(5, f"c{id_}"), **application(id_, f"Application {name}")),
                    failed(f"f{id_}", f"Code{n % 40}", "because " * 60, **at(4, f"c{id_}"), **application(id_, name)),
                ]
                for n, (id_, name) in enumerate(apps)
            ]
            store.harvests.save(TENANT, [each for pair in events for each in pair], watermark=NOW)
            store.jobs.record_all(
                job(name, "quarantined", 2, service_principal_id=id_, reason="EncounteredEscrowProportionThreshold")
                for id_, name in apps
            )
        page = render_html(build_report(store, days=400, now=NOW + timedelta(minutes=1)))
    assert len(page.encode()) < 1_000_000
    assert page.count('<tr id="app-contoso-') == 1000

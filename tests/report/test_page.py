"""The report in a real browser: what it shows is what the store holds, and it fits a phone."""

import pytest

from flows.report.content import build_report
from flows.report.html import render_html
from tests.report.browser import browser
from tests.report.stores import NOW, furnished, totals

PHONE = 360


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The file, and the report that it shows."""
    directory = tmp_path_factory.mktemp("report")
    with furnished(f"sqlite:///{directory}/store.db") as store:
        report = build_report(store, days=30, now=NOW)
    file = directory / "report.html"
    file.write_text(render_html(report))
    return file, report


@pytest.fixture
def page(tab, made):
    tab.resize(1100)
    tab.media()
    tab.open(made[0].as_uri())
    return tab


def numbers(page, selector, *names):
    """What the elements have in their data attributes, the last of them a number."""
    fields = ", ".join(f"each.dataset.{name}" for name in names)
    found = page.value(f"[...document.querySelectorAll({selector!r})].map(each => [{fields}])")
    return {tuple(key) if len(key) > 1 else key[0]: int(count) for *key, count in found}


def test_the_numbers_are_those_of_the_store(page, made):
    report = made[1]
    assert numbers(page, ".tiles [data-status]", "status", "count") == totals()
    assert numbers(page, ".tiles [data-state]", "state", "count") == report.states
    shown = page.value("[...document.querySelectorAll('.tiles dd')].map(each => Number(each.innerText))")
    assert shown == [*report.states.values(), *report.statuses.values()]
    assert numbers(page, "#applications ~ details tbody tr", "name", "events") == {
        each.name: each.events for each in report.applications
    }
    assert sum(numbers(page, "[data-code]", "code", "count").values()) == totals()["failure"]


def test_each_day_has_its_numbers(page, made):
    rows = page.value(
        "[...document.querySelectorAll('#days tbody tr')].map(row => [row.dataset.day, "
        "Object.fromEntries([...row.querySelectorAll('td')].map(td => [td.dataset.status, Number(td.dataset.count)]))])"
    )
    assert {day: {s: n for s, n in counts.items() if n} for day, counts in rows} == {
        str(day): dict(counts) for day, counts in made[1].days.items()
    }


def test_nothing_is_asked_for_and_nothing_goes_wrong(page, made):
    page.value("document.fonts.ready.then(() => 0), 0")
    assert page.requests == [made[0].as_uri()]
    assert page.complaints == []
    assert page.value("document.scripts.length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read_there(page, scheme):
    page.resize(PHONE, phone=True)
    page.media(scheme=scheme)
    assert page.value("document.documentElement.scrollWidth") <= PHONE
    wide = page.value(
        "[...document.querySelectorAll('body *')].filter(each => each.getBoundingClientRect().right > innerWidth + 1"
        " && !each.closest('thead')).map(each => each.outerHTML.slice(0, 80))"
    )
    assert wide == []
    captions = page.value("[...document.querySelectorAll('caption')].map(each => each.offsetWidth).filter(Boolean)")
    assert min(captions) > PHONE / 2
    letters = "[...document.querySelectorAll('.narrow svg text')].map(each => each.getBoundingClientRect().height)"
    assert min(page.value(letters)) >= 8
    assert page.value("getComputedStyle(document.querySelector('figure .wide')).display") == "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("colour", ["--ink", "--soft", "--accent"])
def test_text_stands_out_from_paper_and_card(page, scheme, colour):
    page.media(scheme=scheme)
    for ground in ("--paper", "--card"):
        assert contrast(*(rgb(page, name) for name in (colour, ground))) >= 4.5


def test_in_print_everything_is_dark_on_white(page):
    page.media(scheme="dark", medium="print")
    assert rgb(page, "--paper") == (255, 255, 255)
    assert contrast(rgb(page, "--soft"), (255, 255, 255)) >= 4.5
    assert page.value("getComputedStyle(document.querySelector('nav')).display") == "none"


def rgb(page, name):
    """A colour of the page as three numbers."""
    painted = page.value(
        "(() => { const box = document.createElement('i'); document.body.append(box); "
        f"box.style.color = 'var({name})'; const found = getComputedStyle(box).color; box.remove(); return found; }})()"
    )
    return tuple(int(part) for part in painted.removeprefix("rgb(").removesuffix(")").split(", "))


def contrast(one, other):
    """The contrast of two colours as WCAG counts it."""

    def luminance(colour):
        linear = [c / 12.92 if (c := part / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for part in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)

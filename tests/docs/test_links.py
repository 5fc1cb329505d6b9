"""Links between the pages lead somewhere, and the pictures are pictures."""

import re
from xml.etree import ElementTree

import pytest

from tests.docs.pages import DOCS, ROOT
from tests.leaks import ENCODINGS

PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")


def anchors(path):
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_link_between_pages_leads_somewhere(page):
    links = [(target, anchor) for target, anchor in LINK.findall(page.read_text()) if "://" not in target]
    targets = {(page.parent / target if target else page, anchor) for target, anchor in links}
    assert {str(target) for target, _ in targets if not target.exists()} == set()
    assert {anchor for target, anchor in targets if anchor and anchor not in anchors(target)} == set()


@pytest.mark.parametrize("picture", sorted(DOCS.glob("*.svg")), ids=lambda path: path.name)
def test_a_picture_says_what_it_shows_to_those_who_cannot_see_it(picture):
    root = ElementTree.parse(picture).getroot()
    assert root.find("{http://www.w3.org/2000/svg}title").text


def test_the_encodings_that_redaction_finds_are_those_that_the_search_for_leaks_knows():
    table = (DOCS / "security.md").read_text().partition("| encoding |")[2].partition("\n\n")[0]
    listed = set(re.findall(r"^\| ([\w -]+?) \|", table, re.MULTILINE)) - {"---"}
    searched = {re.split(r"[,(]| with| in | of | after", name)[0].strip() for name in ENCODINGS}
    same = {"form": "URL", "lower case": "capitals", "URL path": "URL"}
    assert listed == {same.get(name, name) for name in searched}

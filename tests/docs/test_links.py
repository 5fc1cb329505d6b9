"""Links between the pages lead somewhere, and the pictures are pictures."""

import re
from xml.etree import ElementTree

import pytest

from tests.docs.pages import DOCS, ROOT

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

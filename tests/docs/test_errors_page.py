"""docs/errors.md is as the code is, and names every code and every advice that a person can meet."""

import re

from graph_client import errors
from graph_client.sign_in import http
from tests.docs.errors_in_code import advices, codes
from tests.docs.errors_page import generated
from tests.docs.pages import DOCS, names


def plain(text):
    """A text without what only Markdown needs."""
    return " ".join(re.sub(r"[`\\]", "", text).split())


TEXT = (DOCS / "errors.md").read_text()
PAGE = plain(TEXT)
NAMED = set(names(TEXT))


def test_the_page_is_what_the_code_says_now():
    assert generated(TEXT) == TEXT, "stale: run make docs"


def test_every_code_of_ours():
    assert set(codes()) - NAMED == set()


def test_every_class_of_the_client():
    assert {name for name in errors.__all__ if name[0].isupper()} - NAMED == set()


def test_every_code_of_the_sign_in_with_its_hint():
    lines = [plain(line) for line in TEXT.splitlines()]
    for number, hint in http._HINTS.items():
        assert any(f"AADSTS{number}" in re.findall(r"\w+", line) and hint in line for line in lines), number


def test_every_advice():
    assert sorted(advice for advice in advices() if plain(advice).strip(" ,;.:") not in PAGE) == []

"""The pages of the documentation, read as a person reads them."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


def section(page, heading):
    """The text below a heading of the second level."""
    text = (DOCS / page).read_text()
    return re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]


def rows(text):
    """The rows of the first table in a text, as lists of cells, without header and ruler."""
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)[0]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()[2:]]


def names(text):
    """Everything that is set in code."""
    return re.findall(r"`([^`]+)`", text)

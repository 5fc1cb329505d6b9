"""docs/target.md has every rule, and every fault that the embedded target can have is listed."""

from graph_emulator.scim.server import FAULTS
from tests.docs.pages import DOCS, names, rows, section
from tests.target.scim import RULES


def test_every_rule_is_explained_in_order():
    assert [names(row[0])[0] for row in rows(section("target.md", "Rules"))] == list(RULES)


def test_every_fix_is_for_a_rule():
    named = {name for row in rows(section("target.md", "How to fix it")) for name in names(row[0])}
    assert named <= set(RULES)


def test_every_fault_of_the_embedded_target_is_listed():
    text = (DOCS / "emulator.md").read_text()
    assert [name for name in FAULTS if f"`{name}`" not in text] == []

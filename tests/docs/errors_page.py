"""Writes the tables of docs/errors.md from the code: `python -m tests.docs.errors_page`.

A text and its hint stand where the error is raised, and nowhere else. What a reader of the page needs beyond them is a
comment above that place, which begins with `Cause:`. Words that are known only when it happens are shown as `…`.
"""

import ast
import inspect
import re
import sys
from dataclasses import dataclass

from graph_client import errors as graph_errors
from graph_client.sign_in import http as sign_in
from tests.docs.error_texts import Module, alternatives, read_modules
from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "errors.md"
_SECTION = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
# The first that matches the path of the file counts.
SECTIONS = {
    "command-line": ("flows/cli/", "flows/plan/adoption.py", "flows/tenant/unmanaged.py", "flows/run/prefect_pages.py"),
    "fleet-file": ("flows/documents/", "flows/fleet_file/"),
    "mappings": ("flows/mappings/",),
    "references": ("flows/credentials/key_vault.py", "flows/credentials/references.py", "flows/credentials/sources.py"),
    "sign-in": ("flows/configuration/", "flows/credentials/", "graph_client/sign_in/", "graph_client/settings.py"),
    "store": ("flows/store/",),
    "target": ("flows/target/",),
    "client": ("graph_client/",),
    "steps": ("flows/",),
}


@dataclass(frozen=True)
class Row:
    """An error as the page shows it."""

    section: str
    code: str
    text: str
    hint: str
    cause: str
    exit_code: int


def rows():
    """Every error that the code can raise, in the order of the files."""
    modules = read_modules()
    found = {}
    for module in modules.values():
        for call in module.calls():
            for code, text, hint in module.texts_of(call):
                name = module.name_of(call)
                if name == "Check" and not hint:
                    continue
                exit_code = module.exit_code_of(name, code)
                row = Row(_section(module, name), code, text, hint, module.cause_of(call), exit_code)
                found.setdefault((row.section, row.code, row.text, row.hint), row)
    said = " ".join(row.hint for row in found.values())
    for module in modules.values():
        for node, text, hint in module.loose():
            if hint and hint not in said:
                row = Row(_section(module, ""), "", text, hint, module.cause_of(node), 1)
                found.setdefault((row.section, row.code, row.text, row.hint), row)
    return list(found.values())


def _section(module: Module, name: str) -> str:
    if name == "Check":
        return "checks"
    if name in {"StoreError", "StoreMismatch"}:
        return "store"
    path = str(module.path.relative_to(ROOT))
    return next(section for section, starts in SECTIONS.items() if path.startswith(starts))


def escaped(text):
    """A text as a cell of a table."""
    return re.sub(r"([|*<>\[\]])", r"\\\1", " ".join(text.split()))


def table(head, lines):
    """A table in Markdown."""
    cells = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(each)} |\n" for each in cells)


def errors_table(section, found):
    """The errors of a section: those with a code by their codes, the others in the order of the code."""
    chosen = [row for row in found if row.section == section]
    coded = any(row.code for row in chosen)
    lines = []
    for row in sorted(chosen, key=lambda row: row.code) if coded else chosen:
        cause = " ".join(filter(None, (row.cause, f"Exit code {row.exit_code}." if row.exit_code != 1 else "")))
        code = [f"`{row.code}`" if row.code else ""] if coded else []
        lines.append([*code, *map(escaped, (row.text, row.hint, cause))])
    return table([*(["code"] if coded else []), "text", "what to do", "cause"], lines)


def sign_in_table(_):
    """What Microsoft Entra's codes mean."""
    by_hint = {}
    for number, hint in sign_in._HINTS.items():
        by_hint.setdefault(hint, []).append(f"`AADSTS{number}`")
    return table(["code", "what to do"], [[", ".join(codes), escaped(hint)] for hint, codes in by_hint.items()])


def classes_table(_):
    """The classes of the client, which are the code where Graph gives none."""
    lines = [
        [f"`{name}`", escaped((inspect.getdoc(getattr(graph_errors, name)) or "").splitlines()[0])]
        for name in graph_errors.__all__
        if name[0].isupper()
    ]
    return table(["class", "what it is"], lines)


def answers_table(_):
    """What the client says of answers of Graph."""
    module = read_modules()[ROOT / "graph_client" / "hints.py"]
    lines = [
        [escaped(cause), escaped(alternatives(module.render(node.value, node)))]
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Return | ast.Assign | ast.AugAssign) and node.value and (cause := module.cause_of(node))
    ]
    return table(["answer", "what to do"], lines)


TABLES = {"aadsts": sign_in_table, "classes": classes_table, "answers": answers_table}


def generated(page):
    """The page with its tables as the code has them now."""
    found = rows()

    def fill(match):
        begin, section, end = match.groups()
        made = TABLES[section](found) if section in TABLES else errors_table(section, found)
        return f"{begin}\n{made}\n{end}"

    return _SECTION.sub(fill, page)


if __name__ == "__main__":
    PAGE.write_text(generated(PAGE.read_text()))
    sys.stderr.write(f"Wrote {PAGE.relative_to(ROOT)}.\n")

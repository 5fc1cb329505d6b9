"""What the package offers is what it says it offers, and it needs nothing of ours."""

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import graph_client

ROOT = Path(graph_client.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
MODULES = [
    module.name
    for module in pkgutil.walk_packages(graph_client.__path__, "graph_client.")
    if not module.ispkg or hasattr(importlib.import_module(module.name), "__all__")
]


@pytest.mark.parametrize("name", ["graph_client", *MODULES])
def test_all_names_exist_and_all_public_definitions_are_named(name):
    module = importlib.import_module(name)
    exported = set(module.__all__)
    assert all(hasattr(module, each) for each in exported)
    own = {
        each
        for each, value in vars(module).items()
        if not each.startswith("_") and getattr(value, "__module__", None) == name and callable(value)
    }
    assert own <= exported


def test_every_export_of_the_root_has_a_docstring():
    for name in graph_client.__all__:
        value = getattr(graph_client, name)
        assert not callable(value) or not hasattr(value, "__name__") or value.__doc__, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_no_neighbour(path):
    text = path.read_text(encoding="utf-8")
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add((node.module or "").split(".")[0])
    assert not imported & {"flows", "graph_emulator", "prefect", "requests", "os"}
    assert "tenacity" not in imported or path.name == "retry.py"


def test_types_are_for_everybody():
    assert (ROOT / "py.typed").exists()

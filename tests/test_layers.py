"""Imports go one way, and one place owns each concern."""

import ast
import importlib
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parent.parent
PACKAGES = ("graph_client", "graph_emulator", "flows", "entra_fleet")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

FLOW_FILES = (
    "flows/provision.py",
    "flows/shard.py",
    "flows/monitor.py",
    "flows/harvest.py",
    "flows/rotate.py",
    "flows/control_jobs.py",
    "flows/retire.py",
    "flows/react.py",
    "flows/probe.py",
    "flows/probe.py",
    "flows/on_demand.py",
    "flows/restore.py",
)


def name_of(path):
    return str(path.relative_to(ROOT))


def imports_of(path):
    """Every module a file imports, at its top or inside a function."""
    package = ".".join(path.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (
                importlib.util.resolve_name("." * node.level + (node.module or ""), package)
                if node.level
                else node.module
            )
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def test_imports_keep_to_the_contracts():
    # The contracts are in pyproject.toml, under tool.importlinter.
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None) == EXIT_STATUS_SUCCESS


def test_only_one_file_reads_the_environment():
    readers = {
        name_of(path)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert readers == {"flows/configuration/environment.py"}


def test_only_one_file_retries():
    assert {name_of(path) for path in FILES if "tenacity" in set(imports_of(path))} == {"graph_client/retry.py"}


@pytest.mark.parametrize("name", FLOW_FILES)
def test_flow_files_define_no_class(name):
    # Prefect may load a flow file a second time under another name: its classes would then exist twice.
    assert [
        node.name for node in ast.walk(ast.parse((ROOT / name).read_text())) if isinstance(node, ast.ClassDef)
    ] == []


def test_no_file_in_flows_bears_a_name_of_the_standard_library():
    assert {path.stem for path in (ROOT / "flows").glob("*.py")} & set(sys.stdlib_module_names) == set()


@pytest.mark.parametrize("package", ["graph_client", "graph_client.models", "graph_client.errors", "graph_emulator"])
def test_what_a_package_exports_is_there_and_nothing_twice(package):
    module = importlib.import_module(package)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert sorted(set(module.__all__)) == sorted(module.__all__)

"""Whatever comes from outside is printed as text, in whatever encoding."""

import ast
import io
import json
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from flows.cli.main import main
from flows.cli.output.console import (
    accept_any_encoding,
    print_json,
    print_text,
    show_error,
    stderr_console,
    stdout_console,
)
from flows.cli.output.records import Format, print_records, write_new
from flows.errors import StepFailed
from graph_client.redaction import learn_secrets

CLI = Path(__file__).parent.parent.parent / "flows" / "cli"
# Colours, a window's title, a link, the clipboard, C1, backspaces, another direction of writing, half a character.
STEERING = ["\x1b[31m", "\x1b]0;t\x07", "\x1b]8;;u\x1b\\", "\x1b]52;c;eA==\x07", "\x9b31m", "a\b\b", "\r", "\x7f"]
STEERING += ["\u202e", "\u2066", "\u200f", "\u061c", "\u2028", "\udc80"]
MARKUP = ["[x]", "[/b]", "[bold]b[/bold]", "[link=http://x]y[/link]", ":smile:", "\\[x]", "[/]"]


def printed_by(capsys):
    written = capsys.readouterr()
    return written.out + written.err


def no_control_in(text):
    return not any(char in text for char in "\x1b\x07\x9b\b\r\x7f\u202e\u2066\u200f\u061c\u2028\udc80")


@pytest.mark.parametrize("name", MARKUP)
def test_a_name_is_no_markup(name, capsys):
    table = Table("key", box=None)
    table.add_row(name)
    for console in (stdout_console(), stderr_console()):
        console.print(f"Wrote {name}.", soft_wrap=True)
        console.print(table)
    assert printed_by(capsys).count(name) == 4


@pytest.mark.parametrize("steering", STEERING)
def test_a_name_steers_no_terminal(steering, capsys):
    name = f"App {steering}end"
    table = Table("key", box=None)
    table.add_row(Text(name))
    stdout_console().print(Text(name, style="red"), soft_wrap=True)
    stdout_console().print(table)
    stderr_console().print(name)
    show_error(name)
    print_text(name)
    print_json({"name": name})
    for form in Format:
        print_records([{"name": name}], ["name"], form)
    assert no_control_in(printed_by(capsys))


@pytest.mark.parametrize("steering", STEERING)
def test_json_says_the_same_with_escapes(steering, capsys):
    print_json({"name": steering})
    written = capsys.readouterr().out
    assert json.loads(written) == {"name": steering}
    assert no_control_in(written)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_an_encoding_that_lacks_a_character_gets_an_escape(encoding, monkeypatch):
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding=encoding) for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    accept_any_encoding()
    name = "→ é 漢 😀"
    stdout_console().print(name)
    stderr_console().print(name)
    show_error(name)
    print_text(f"{name}\n")
    print_json({"name": name})
    streams["stdout"].flush()
    written = streams["stdout"].buffer.getvalue().decode(encoding)
    assert json.loads(written[written.index("{") :]) == {"name": name}


def test_a_file_takes_what_utf_8_does_not(tmp_path):
    write_new("half \udc80", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"half \\udc80"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_command_ends_well_in_another_encoding(encoding, entra_fleet, tmp_path):
    result = entra_fleet("init", tmp_path / "漢.yaml", PYTHONIOENCODING=encoding)
    assert (result.code, "Traceback" in result.err) == (0, False)


@pytest.mark.parametrize("name", ["[x]", "a[/b]", ":smile:", "[bold]"])
def test_a_path_is_printed_as_it_is(name, entra_fleet_here, tmp_path):
    directory = tmp_path / name
    directory.mkdir(parents=True)
    commands = [
        ("init", directory / "fleet.yaml"),
        ("store", "upgrade", "--store", f"sqlite:///{directory / 'store.db'}"),
        ("deploy", "--out", directory / "prefect.yaml"),
    ]
    for command in commands:
        result = entra_fleet_here(*command)
        assert result.code == 0, result.err
        assert name in result.out + result.err


def test_a_defect_is_told_without_a_secret(monkeypatch, capsys):
    learn_secrets("s3cret-of-4711")

    def defect(**_):
        raise RuntimeError("got 's3cret-of-4711'")

    monkeypatch.setattr("flows.cli.main.app", defect)
    with pytest.raises(SystemExit) as ended:
        main()
    error = capsys.readouterr().err
    assert ended.value.code == 1
    assert "RuntimeError: got '***'" in error
    assert "s3cret" not in error


def test_a_failure_is_told_without_control_characters(monkeypatch, capsys):
    def fail(**_):
        raise StepFailed("Code", "a \x1b[31m name")

    monkeypatch.setattr("flows.cli.main.app", fail)
    with pytest.raises(SystemExit):
        main()
    assert "a \\x1b[31m name" in capsys.readouterr().err


def test_only_one_file_prints():
    printing = {
        path.relative_to(CLI).as_posix()
        for path in CLI.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (
            isinstance(node, ast.Attribute) and node.attr in {"stdout", "stderr", "echo", "secho"} and of_a_module(node)
        )
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "Console"})
    }
    assert printing == {"output/console.py"}


def of_a_module(node):
    return isinstance(node.value, ast.Name) and node.value.id in {"sys", "typer", "click"}

"""What a user sees when a fleet file cannot be read, or is no YAML for a fleet."""

import os

import pytest

from flows.documents.yaml_reader import PURE_CHARACTERS_MAX
from flows.fleet_file.loader import FleetFileError, load_fleet

TENANT = "tenant_id: 7928d5b5-7442-4a97-a02d-66f9a9972ec0\n"
HEAD = "fleet: contoso\n" + TENANT
INSTANCE = """\
instances:
  - key: prod-eu
    display_name: Prod EU
    template: Box
"""
YAML_ADVICE = "Correct the indentation, brackets or quotes there; indent with spaces."


def credential(line):
    return HEAD + INSTANCE + f"    credentials:\n      {line}\n"


BAD = {
    "empty file": (
        "",
        "fleet.yaml:1:1: the top level is empty, not a map of fields\n"
        "Start with 'fleet:', 'tenant_id:' and 'instances:'.",
    ),
    "a list at the top": (
        "- a\n",
        "fleet.yaml:1:1: the top level is a list, not a map of fields\n"
        "Start with 'fleet:', 'tenant_id:' and 'instances:'.",
    ),
    "colon in a plain text": (
        HEAD + "instances: a: b\n",
        "fleet.yaml:3:13: is not valid YAML: mapping values are not allowed here\n" + YAML_ADVICE,
    ),
    "bracket left open": (
        HEAD + "instances:\n  - {key: a\n  - b\n",
        "fleet.yaml:6:1: is not valid YAML: while parsing a flow mapping, expected ',' or '}', but got '<stream end>'"
        f" (started at line 4)\n{YAML_ADVICE}",
    ),
    "tab": (
        HEAD + "instances:\n\t- key: a\n",
        "fleet.yaml:4:1: is not valid YAML: while scanning for the next token, "
        f"found character '\\t' that cannot start any token\n{YAML_ADVICE}",
    ),
    "control character": (
        HEAD + "notes: é\x07\n",
        "fleet.yaml:3:9: the character U+0007 is not allowed in a YAML file\n"
        'Remove it, or write it as an escape in double quotes ("\\u…").',
    ),
    "python tag": (
        HEAD + "instances: !!python/object/apply:os.system [echo owned]\n",
        "fleet.yaml:3:12: instances: YAML tags (!…) are not supported\n"
        "Remove the tag, or quote text that starts with '!'.",
    ),
    "secret that looks like a tag": (
        credential("SecretToken: !hunter2!x"),
        "fleet.yaml:8:20: YAML tags (!…) are not supported\nRemove the tag, or quote text that starts with '!'.",
    ),
    "second document": (
        HEAD + INSTANCE + "---\nfleet: other\n",
        "fleet.yaml:8:1: a second document starts here\nKeep one document: remove the '---'.",
    ),
    "map as a field name": (
        HEAD + "? {a: b}\n: c\n",
        "fleet.yaml:3:3: a field name must be a text\nQuote the name, or remove the brackets.",
    ),
    "alias without anchor": (
        credential("SecretToken: *hunter2"),
        "fleet.yaml:8:20: an alias (*…) has no anchor (&…) before it\n"
        "Put the anchor on an earlier value, or quote text that starts with '*'.",
    ),
    "alias inside itself": (
        HEAD + "instances: &all\n  - *all\n",
        "fleet.yaml:4:5: an alias (*…) has no anchor (&…) before it\n"
        "Put the anchor on an earlier value, or quote text that starts with '*'.",
    ),
    "alias inside itself, of a name used before": (
        HEAD + "defaults: {notes: &all x}\ninstances: &all\n  - *all\n",
        "fleet.yaml:5:5: an alias (*…) has no anchor (&…) before it\n"
        "Put the anchor on an earlier value, or quote text that starts with '*'.",
    ),
    "merge key without a map": (
        HEAD + "defaults: {<<: x}\n" + INSTANCE,
        "fleet.yaml:3:12: defaults.<<: the merge key << needs a map\nName an anchor of a map: '<<: *name'.",
    ),
    "deep nesting": (
        HEAD + "instances: " + "[" * 5000 + "]" * 5000 + "\n",
        "fleet.yaml:3:52: values are nested more than 40 levels deep\nCheck the brackets and the indentation here.",
    ),
    "field twice": (
        HEAD + INSTANCE + "    template: Dropbox\n",
        "fleet.yaml:7:5: instances[0].template: is given twice, first at line 6\nKeep one of the two.",
    ),
}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def text_of_error(path="fleet.yaml"):
    with pytest.raises(FleetFileError) as caught:
        load_fleet(path)
    return str(caught.value)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_these_words(name, tmp_path):
    text, expected = BAD[name]
    (tmp_path / "fleet.yaml").write_text(text, encoding="utf-8")
    assert text_of_error() == expected
    assert "hunter2" not in text_of_error()


def test_a_missing_file():
    assert text_of_error("none.yaml") == ("none.yaml: no such file\nCheck the path, or create the file.")


def test_a_directory(tmp_path):
    (tmp_path / "fleets").mkdir()
    assert text_of_error("fleets") == "fleets: is a directory\nName the fleet file inside it."


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "fleet.yaml").symlink_to("fleet.yaml")
    assert text_of_error() == (
        "fleet.yaml: cannot be read: Too many levels of symbolic links\n"
        "Check the path, and that this process may read it."
    )


def test_a_file_in_another_encoding(tmp_path):
    (tmp_path / "fleet.yaml").write_bytes("fleet: a\nnotes: é".encode("latin-1"))
    assert text_of_error() == "fleet.yaml:2:8: is not UTF-8 text\nSave the file as UTF-8."


def test_a_huge_file_is_not_even_parsed(tmp_path):
    with (tmp_path / "fleet.yaml").open("wb") as file:
        file.truncate(20_000_001)
    assert text_of_error() == (
        "fleet.yaml: is larger than 20 MB\nSplit the fleet, or check that this is the right file."
    )


def test_aliases_that_multiply_are_bounded(tmp_path):
    levels = "".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (tmp_path / "fleet.yaml").write_text(HEAD + "defaults:\n  l0: &l0 [a, b]\n" + levels)
    assert text_of_error() == (
        "fleet.yaml:11:17: the file expands to more than 2,000,000 values\n"
        "Use fewer or smaller anchors, or split the fleet."
    )


def test_csv_is_no_fleet(tmp_path):
    (tmp_path / "fleet.csv").write_text("key,display_name\na,A\n")
    assert text_of_error("fleet.csv") == (
        "fleet.csv: a CSV file contains only instances, not a fleet\nAdd it to 'include:' in a YAML fleet file."
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("shadow", "root:$6$salt$hash4711:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n"),
        ("secrets.yaml", "password: hash4711\nhash4711: x\n"),
        ("key.json", '{"type": "account", "hash4711": "x"}'),
        ("environment", "PASSWORD=hash4711\nOTHER=hash4711\n"),
        ("credentials", "[default]\nhash4711 = hash4711\n"),
        ("long", "fleet: a\n" + "x" * 5_000 + "hash4711: y\n"),
    ],
)
def test_nothing_is_told_of_a_file_that_holds_no_fleet(name, content, tmp_path):
    (tmp_path / name).write_text(content)
    including = tmp_path / "fleet.yaml"
    for text in (
        None,
        HEAD + f"include: [{name}]\n",
        HEAD + INSTANCE + f"    mappings: {name}\n",
    ):
        if text:
            including.write_text(text)
        with pytest.raises(FleetFileError) as caught:
            load_fleet(including if text else tmp_path / name)
        assert "hash4711" not in str(caught.value)
        assert len(str(caught.value)) < 1_500


@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "/dev/stdin"])
def test_a_pipe_or_device_is_not_read(name, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FleetFileError, match="is not a regular file"):
        load_fleet(tmp_path / name)


def test_the_slow_parser_reads_no_large_file(tmp_path):
    # What libyaml refuses and Python's parser takes.
    text = HEAD + INSTANCE + "    tags: {a: http://x}\n"
    (tmp_path / "fleet.yaml").write_text(text + f"# {'x' * PURE_CHARACTERS_MAX}\n")
    with pytest.raises(FleetFileError, match="is not valid YAML"):
        load_fleet(tmp_path / "fleet.yaml")

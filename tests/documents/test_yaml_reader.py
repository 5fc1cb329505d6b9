"""What a user sees when a fleet file cannot be read, or is no YAML for a fleet."""

import os

import pytest

from flows.documents.readers import PURE_CHARACTERS_MAX
from flows.fleet_file.loader import FleetFileError, load_fleet
from tests.fleet_file.problems import shows

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
        ("fleet.yaml:1:1", "not a map"),
    ),
    "a list at the top": (
        "- a\n",
        ("fleet.yaml:1:1", "not a map"),
    ),
    "colon in a plain text": (
        HEAD + "instances: a: b\n",
        ("fleet.yaml:3:13", "not valid YAML"),
    ),
    "bracket left open": (
        HEAD + "instances:\n  - {key: a\n  - b\n",
        ("fleet.yaml:6:1", "','", "'}'", "'<stream end>'", "not valid YAML"),
    ),
    "tab": (
        HEAD + "instances:\n\t- key: a\n",
        ("fleet.yaml:4:1", "'\\t'", "not valid YAML"),
    ),
    "control character": (
        HEAD + "notes: é\x07\n",
        ("fleet.yaml:3:9", "0007", "not allowed"),
    ),
    "python tag": (
        HEAD + "instances: !!python/object/apply:os.system [echo owned]\n",
        ("fleet.yaml:3:12: instances", "tags"),
    ),
    "secret that looks like a tag": (
        credential("SecretToken: !hunter2!x"),
        ("fleet.yaml:8:20", "tags"),
    ),
    "second document": (
        HEAD + INSTANCE + "---\nfleet: other\n",
        ("fleet.yaml:8:1", "second document"),
    ),
    "map as a field name": (
        HEAD + "? {a: b}\n: c\n",
        ("fleet.yaml:3:3", "field name"),
    ),
    "alias without anchor": (
        credential("SecretToken: *hunter2"),
        ("fleet.yaml:8:20", "alias"),
    ),
    "alias inside itself": (
        HEAD + "instances: &all\n  - *all\n",
        ("fleet.yaml:4:5", "alias"),
    ),
    "alias inside itself, of a name used before": (
        HEAD + "defaults: {notes: &all x}\ninstances: &all\n  - *all\n",
        ("fleet.yaml:5:5", "alias"),
    ),
    "merge key without a map": (
        HEAD + "defaults: {<<: x}\n" + INSTANCE,
        ("fleet.yaml:3:12: defaults.<<", "merge key"),
    ),
    "deep nesting": (
        HEAD + "instances: " + "[" * 5000 + "]" * 5000 + "\n",
        ("fleet.yaml:3:52", "40", "nested"),
    ),
    "field twice": (
        HEAD + INSTANCE + "    template: Dropbox\n",
        ("fleet.yaml:7:5: instances[0].template", "twice"),
    ),
}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def error(path="fleet.yaml"):
    with pytest.raises(FleetFileError) as caught:
        load_fleet(path)
    return caught.value


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_where_it_is_wrong(name, tmp_path):
    text, expected = BAD[name]
    (tmp_path / "fleet.yaml").write_text(text, encoding="utf-8")
    shows(error(), expected)
    assert "hunter2" not in str(error())


def test_a_missing_file():
    assert str(error("none.yaml")) == ("none.yaml: no such file\nCheck the path, or create the file.")


def test_a_directory(tmp_path):
    (tmp_path / "fleets").mkdir()
    assert str(error("fleets")) == "fleets: is a directory\nName the fleet file inside it."


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "fleet.yaml").symlink_to("fleet.yaml")
    assert str(error()) == (
        "fleet.yaml: cannot be read: Too many levels of symbolic links\n"
        "Check the path, and that this process may read it."
    )


def test_a_file_in_another_encoding(tmp_path):
    (tmp_path / "fleet.yaml").write_bytes("fleet: a\nnotes: é".encode("latin-1"))
    assert str(error()) == "fleet.yaml:2:8: is not UTF-8 text\nSave the file as UTF-8."


def test_a_huge_file_is_not_even_parsed(tmp_path):
    with (tmp_path / "fleet.yaml").open("wb") as file:
        file.truncate(20_000_001)
    assert str(error()) == ("fleet.yaml: is larger than 20 MB\nSplit the fleet, or check that this is the right file.")


def test_aliases_that_multiply_are_bounded(tmp_path):
    levels = "".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (tmp_path / "fleet.yaml").write_text(HEAD + "defaults:\n  l0: &l0 [a, b]\n" + levels)
    assert str(error()) == (
        "fleet.yaml:11:17: the file expands to more than 2,000,000 values\n"
        "Use fewer or smaller anchors, or split the fleet."
    )


def test_csv_is_no_fleet(tmp_path):
    (tmp_path / "fleet.csv").write_text("key,display_name\na,A\n")
    assert str(error("fleet.csv")) == (
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
    with pytest.raises(FleetFileError):
        load_fleet(tmp_path / name)


def test_the_slow_parser_reads_no_large_file(tmp_path):
    # What libyaml refuses and Python's parser takes.
    text = HEAD + INSTANCE + "    tags: {a: http://x}\n"
    (tmp_path / "fleet.yaml").write_text(text + f"# {'x' * PURE_CHARACTERS_MAX}\n")
    with pytest.raises(FleetFileError, match="is not valid YAML"):
        load_fleet(tmp_path / "fleet.yaml")

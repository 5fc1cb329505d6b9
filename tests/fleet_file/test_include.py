"""Fleets of several files."""

import hashlib

import pytest

from flows.fleet_file.loader import FleetFileError, load_fleet
from tests.fleet_file.problems import shows

HEAD = "fleet: contoso\ntenant_id: 7928d5b5-7442-4a97-a02d-66f9a9972ec0\n"
FORM = "Correct the path, which is relative to this file."


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(files, tmp_path):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def keys(path="fleet.yaml"):
    return [instance.key for instance in load_fleet(path).instances]


def error(path="fleet.yaml"):
    with pytest.raises(FleetFileError) as caught:
        load_fleet(path)
    return caught.value


def instances(*names):
    return "instances:\n" + "".join(f"  - {{key: {name}, display_name: App {name}}}\n" for name in names)


def test_files_are_read_in_order_and_relative_to_the_one_that_names_them(tmp_path):
    write(
        {
            "fleets/fleet.yaml": HEAD
            + "defaults: {template: Box}\ninclude: [teams/*.yaml, 'rows/**/*.csv', more.json]\n"
            + instances("own"),
            "fleets/teams/b.yaml": instances("b1", "b2"),
            "fleets/teams/a.yaml": instances("a") + "include: [deep/*.yml]\n",
            "fleets/teams/.hidden.yaml": "broken: [",
            "fleets/teams/deep/x.yml": instances("x"),
            "fleets/rows/one/rows.csv": "key,display_name\nr,App r\n",
            "fleets/more.json": '{"instances": [{"key": "j", "display_name": "App j"}]}',
        },
        tmp_path,
    )
    assert keys("fleets/fleet.yaml") == ["own", "a", "x", "b1", "b2", "r", "j"]
    assert keys(tmp_path / "fleets" / "fleet.yaml") == ["own", "a", "x", "b1", "b2", "r", "j"]


def test_defaults_go_from_the_outer_file_to_the_inner_and_not_back(tmp_path):
    write(
        {
            "fleet.yaml": HEAD
            + "defaults: {template: Box, scope: all, credentials: {Domain: outer, UserName: outer}}\n"
            + "include: [a.yaml, b.yaml]\n"
            + instances("own"),
            "a.yaml": "defaults: {scope: assigned, credentials: {Domain: inner}}\n" + instances("a"),
            "b.yaml": instances("b"),
        },
        tmp_path,
    )
    own, a, b = load_fleet("fleet.yaml").instances
    assert (own.scope, own.credentials) == ("all", {"Domain": "outer", "UserName": "outer"})
    assert (a.scope, a.credentials) == ("assigned", {"Domain": "inner", "UserName": "outer"})
    assert (b.scope, b.credentials) == (own.scope, own.credentials)


def test_a_name_that_exists_is_no_pattern(tmp_path):
    write({"fleet.yaml": HEAD + "include: ['[a].yaml']\n", "[a].yaml": instances("x"), "a.yaml": "zzz: 1"}, tmp_path)
    (tmp_path / "[a].yaml").write_text("defaults: {template: Box}\n" + instances("x"))
    assert keys() == ["x"]


def test_the_digest_covers_every_file(tmp_path):
    fleet = HEAD + "defaults: {template: Box}\ninclude: [a.yaml]\n"
    write({"fleet.yaml": fleet, "a.yaml": instances("a")}, tmp_path)
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in (fleet, instances("a"))]
    listed = f"{digests[0]}  fleet.yaml\n{digests[1]}  a.yaml\n"
    assert load_fleet("fleet.yaml").sha256 == hashlib.sha256(listed.encode()).hexdigest()


def test_the_digest_does_not_depend_on_where_the_fleet_lies(tmp_path):
    files = {"fleet.yaml": HEAD + "defaults: {template: Box}\ninclude: ['teams/*']\n", "teams/a.yaml": instances("a")}
    write(files | {f"elsewhere/{name}": text for name, text in files.items()}, tmp_path)
    assert load_fleet("fleet.yaml").sha256 == load_fleet(tmp_path / "elsewhere" / "fleet.yaml").sha256


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"fleet.yaml": "include: [teams/*.yaml]\n"},
            [("fleet.yaml:3:11: include[0]", "'teams/*.yaml'", "matches no file")],
        ),
        (
            {"fleet.yaml": "include:\n  - teams\n", "teams/a.yaml": instances("a")},
            [("fleet.yaml:4:5: include[0]", "'teams'", "matches no file")],
        ),
        (
            {"fleet.yaml": "include: [" + "x" * 300 + "]\n"},
            [("fleet.yaml:3:11: include[0]", "matches no file")],
        ),
        (
            {"fleet.yaml": "include: teams/*.yaml\n"},
            [("fleet.yaml:3:1: include", "not a list")],
        ),
        (
            {"fleet.yaml": "include: [{a: b}]\n"},
            [("fleet.yaml:3:11: include[0]", "is a map")],
        ),
        (
            {"fleet.yaml": "include: ['*.txt']\n", "a.txt": ""},
            [("fleet.yaml:3:11: include[0]", "CSV")],
        ),
        (
            {"fleet.yaml": "include: ['*.yaml']\n"},
            [("fleet.yaml:3:11: include[0]", "circularly")],
        ),
        (
            {"fleet.yaml": "include: [a/a.yaml]\n", "a/a.yaml": "include: [../b.yaml]\n", "b.yaml": "include: [a/*]\n"},
            [("a/../b.yaml:1:11: include[0]", "circularly")],
        ),
        (
            {"fleet.yaml": "include: [a.yaml, './a.*']\n", "a.yaml": "defaults: {template: B}\n" + instances("a")},
            [("fleet.yaml:3:19: include[1]", "twice")],
        ),
        (
            {"fleet.yaml": "include: [a.yaml]\n", "a.yaml": "- key: a\n"},
            [("a.yaml:1:1", "not a map")],
        ),
        (
            {"fleet.yaml": "include: [a.yaml]\n", "a.yaml": HEAD},
            [("a.yaml:1:1: fleet", "top-level"), ("a.yaml:2:1: tenant_id", "top-level")],
        ),
        (
            {"fleet.yaml": "include: [a.yaml]\n", "a.yaml": "instance: []\nzzz: 1\n"},
            [("a.yaml:1:1: instance", "instances"), ("a.yaml:2:1: zzz", "include")],
        ),
        (
            {"fleet.yaml": "include: ['*/*.yaml']\n", "a/a.yaml": "a: [", "b/b.yaml": "instances: [x]\n"},
            [("a/a.yaml:1:5", "'<stream end>'"), ("b/b.yaml:1:13: instances[0]", "not an instance")],
        ),
        (
            {
                "fleet.yaml": "defaults: {template: Box}\ninclude: [a.yaml]\n" + instances("x"),
                "a.yaml": instances("x"),
            },
            [
                ("a.yaml:2:6: instances[0].key", "'x'", "fleet.yaml:6:6: instances[0].key"),
                ("a.yaml:2:14: instances[0].display_name", "'App x'", "fleet.yaml:6:14: instances[0].display_name"),
            ],
        ),
    ],
)
def test_errors_name_the_file_they_are_in(files, expected, tmp_path):
    write(files | {"fleet.yaml": HEAD + files["fleet.yaml"]}, tmp_path)
    shows(error(), *expected)


def test_a_fleet_of_too_many_files(tmp_path):
    write({"fleet.yaml": HEAD + "include: ['parts/*']\n"}, tmp_path)
    write({f"parts/{n:04}.yaml": "instances: []\n" for n in range(1000)}, tmp_path)
    assert str(error()).splitlines() == [
        "parts/0999.yaml: exceeds the limit of 1,000 files per fleet",
        "Merge files, or correct the patterns under include.",
    ]

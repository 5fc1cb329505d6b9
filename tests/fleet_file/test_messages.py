"""Texts come through as they are, in YAML and in JSON, whatever they hold."""

import json
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.documents.nodes import to_plain
from flows.documents.readers import read_yaml
from flows.fleet_file.loader import FleetFileError, load_fleet
from tests.fleet_file.problems import shows

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
HEAD = f"fleet: contoso-scim\ntenant_id: {TENANT}\n"
WHOLE = (
    HEAD
    + """\
defaults: &base {template: Box, scope: all, delete_threshold: 50, credentials: {Domain: x}}
instances:
  - key: a
    display_name: "Prod, \\"EU\\" 😀"
    skip_out_of_scope_deletions: true
    credentials: {SecretToken: "${env:A}"}
    notes: |
      one
      two
  - {<<: *base, key: b, display_name: B, owners: [7928d5b5-7442-4a97-a02d-66f9a9972ec0]}
"""
)


def load(text, tmp_path, name="fleet.yaml"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return load_fleet(tmp_path / name)


def test_a_json_file_means_the_same(tmp_path):
    from_yaml = load(WHOLE, tmp_path)
    from_json = load(json.dumps(to_plain(read_yaml(WHOLE, "").node)), tmp_path, "fleet.json")
    assert from_json.instances == from_yaml.instances
    typed = from_yaml.to_object()
    assert typed["instances"][0]["delete_threshold"] == 50
    assert typed["instances"][0]["skip_out_of_scope_deletions"] is True
    assert load(json.dumps(typed, indent=2), tmp_path, "typed.json").instances == from_yaml.instances


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"fleet": "a",\n "instances": [}',
            ("fleet.json:2:16", "not valid JSON"),
        ),
        (
            f'{{"fleet": "a", "tenant_id": "{TENANT}",\n\n "instances": [{{"key": "a", "display_name": "A, \\"{{",\n'
            '  "template": "Box", "scopee": 1}]}',
            ("fleet.json:4:22: instances[0].scopee", "scope", "unknown field"),
        ),
        (
            '{"fleet": "a",\n "fleet": "b"}',
            ("fleet.json:2:2: fleet", "twice"),
        ),
        (
            f'{{"fleet": "a", "tenant_id": "{TENANT}", "instances": [{{"key": "a", "display_name": "A", '
            '"template": null}]}',
            ("fleet.json:1:117: instances[0].template", "no value"),
        ),
        (
            "[" * 60 + "]" * 60,
            ("fleet.json:1:42", "40", "nested"),
        ),
        (
            "[" * 100_000 + "]" * 100_000,
            ("fleet.json", "40", "nested"),
        ),
    ],
)
def test_errors_of_a_json_file(text, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FleetFileError) as caught:
        load(text, tmp_path.relative_to(tmp_path), "fleet.json")
    shows(caught.value, expected)


def test_both_parsers_read_the_same_with_the_same_places():
    assert read_yaml(WHOLE, "f", pure=True) == read_yaml(WHOLE, "f", pure=False)


legal_names = st.text(min_size=1, max_size=60).filter(
    lambda text: text == text.strip() and text.isprintable() and not re.search(r"\[entra-fleet:|\{key|\{display", text)
)
legal_keys = st.from_regex("[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)
literals = st.text(min_size=1).filter(lambda text: text.strip() and "${" not in text)


def quoted(text):
    r"""A YAML text in double quotes; JSON's form is YAML's but for surrogate pairs and U+007F and up."""
    escaped = "".join(f"\\U{ord(c):08x}" if ord(c) > 0x7E else json.dumps(c)[1:-1] for c in text)
    return f'"{escaped}"'


@given(
    instances=st.lists(
        st.tuples(legal_keys, legal_names, literals),
        min_size=1,
        max_size=5,
        unique_by=(lambda one: one[0], lambda one: one[1].casefold()),
    )
)
def test_any_legal_text_comes_through(instances, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("fleet")
    rows = [
        f"  - key: {quoted(key)}\n    display_name: {quoted(name)}\n    template: {quoted(value)}\n"
        f"    credentials: {{Domain: {quoted(value)}}}\n"
        for key, name, value in instances
    ]
    loaded = load(HEAD + "instances:\n" + "".join(rows), tmp_path).instances
    assert [(one.key, one.display_name, one.template) for one in loaded] == instances
    for (key, name, value), one in zip(instances, loaded, strict=True):
        assert one.credentials["Domain"] == value.replace("{key}", key).replace("{display_name}", name)
    as_json = {"fleet": "a", "tenant_id": TENANT, "instances": [
        {"key": key, "display_name": name, "template": value, "credentials": {"Domain": value}}
        for key, name, value in instances
    ]}  # fmt: skip
    assert load(json.dumps(as_json), tmp_path, "fleet.json").instances == loaded


@given(text=st.text(alphabet=string.printable + "é\u2028😀", max_size=200))
def test_any_file_is_read_or_refused(text, tmp_path_factory):
    """Nothing but a FleetFileError leaves the loader."""
    tmp_path = tmp_path_factory.mktemp("fleet")
    for name in ("fleet.yaml", "fleet.json"):
        with pytest.raises(FleetFileError):
            load(text, tmp_path, name)
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8", newline="")
    with pytest.raises(FleetFileError):
        load(HEAD + "include: [rows.csv]\n", tmp_path)

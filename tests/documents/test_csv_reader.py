"""Instances in CSV: the same as in YAML, and errors with their cell."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.documents.nodes import to_plain
from flows.documents.readers import read_csv
from flows.fleet_file.loader import FleetFileError, load_fleet
from tests.fleet_file.problems import shows

ID = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
OTHER = "2f0c1f0e-0000-4000-8000-00000000000a"
HEAD = f"fleet: contoso\ntenant_id: {ID}\ndefaults: {{template: Box, credentials: {{Domain: shared}}}}\n"
ROWS = f'''\
key,display_name,credentials.BaseAddress,credentials.SecretToken,credentials_expire,assignments.0.group,\
assignments.0.name,assignments.1.user,owners.0,owners.1,delete_threshold,notes
012345670123,"Prod, ""EU""",https://eu.example.net,${{env:EU_{{key}}}},2027-05-01,{OTHER},USERS,{ID},{ID},,50,no
b,Büro,,,,,,{ID},,{OTHER},,"two
lines"
c,C
'''
YAML = f"""\
instances:
  - key: 012345670123
    display_name: Prod, "EU"
    credentials: {{BaseAddress: https://eu.example.net, SecretToken: '${{env:EU_{{key}}}}'}}
    credentials_expire: 2027-05-01
    assignments: [{{group: {OTHER}, name: USERS}}, {{user: {ID}}}]
    owners: [{ID}]
    delete_threshold: 50
    notes: no
  - key: b
    display_name: Büro
    assignments: [{{user: {ID}}}]
    owners: [{OTHER}]
    notes: "two\\nlines"
  - key: c
    display_name: C
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fleet.yaml").write_text(HEAD + "include: [rows.csv]\n")


def load(content, tmp_path):
    (tmp_path / "rows.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    return load_fleet("fleet.yaml").instances


def test_rows_mean_the_same_as_yaml(tmp_path):
    (tmp_path / "yaml.yaml").write_text(HEAD + YAML)
    assert load(ROWS, tmp_path) == load_fleet("yaml.yaml").instances
    assert load(ROWS, tmp_path)[0].credentials["Domain"] == "shared"


def test_the_numbers_of_columns_give_the_order(tmp_path):
    content = f"owners.10,key,owners.2,display_name\n{ID},a,{OTHER},A\n"
    assert load(content, tmp_path)[0].owners == (OTHER, ID)


@pytest.mark.parametrize(
    "written",
    [
        b"\xef\xbb\xbf" + ROWS.encode(),
        ROWS.replace("lines", "line&").replace("\n", "\r\n").replace("line&", "lines").encode(),
        ROWS.rstrip("\n").encode(),
        ROWS.encode() + b"\n,,,,\n\n",
        ROWS.replace("key,", '"key" ,', 1).replace('"key" ', " key ").encode(),
    ],
    ids=["byte order mark", "windows lines", "no last line break", "blank rows", "spaces in the header"],
)
def test_spreadsheets_may_write_it_their_way(written, tmp_path):
    plainly = load(ROWS, tmp_path)
    theirs = load(written, tmp_path)
    assert [one.model_copy(update={"notes": None}) for one in theirs] == [
        one.model_copy(update={"notes": None}) for one in plainly
    ]
    assert theirs[1].notes.split() == ["two", "lines"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "key,display_name,credentials.SecretToken\nk1,A,${env:A}\nk2,B,hunter2\n",
            ('rows.csv:3:6: instances[1].credentials.SecretToken', 'reference'),
        ),
        (
            'key,display_name,notes,scope\na,A,"two\nlines",everyone\n',
            ('rows.csv:3:8: instances[0].scope', "'everyone'", "'assigned'", "'all'"),
        ),
        (
            "key,display_name,scopee\na,A,all\nb,B,\n",
            ('rows.csv:2:5: instances[0].scopee', 'scope', 'unknown field'),
        ),
        ("key,display_name\nA B,A\n", ('rows.csv:2:1: instances[0].key', "'A B'", 'not a key')),
        ("display_name,key\nA,\n", ('rows.csv:2:1: instances[0].key', 'missing')),
        (
            "key,display_name,assignments.0.name\na,A,USERS\n",
            ('rows.csv:2:5: instances[0].assignments[0]',),
        ),
        (
            "key,display_name\na,A,B\n",
            ('rows.csv:2:1: instances[0]', 'cells'),
        ),
        (
            'key,display_name\na,"A" B\n',
            ('rows.csv:2:3', 'quoted cell'),
        ),
        (
            'key,display_name\na,"A\n',
            ('rows.csv:2:3', 'quoted cell'),
        ),
        (
            "key;display_name\na;A\n",
            ('rows.csv:1:1', "';'", 'separated'),
        ),
        ("key,,notes\na,A,b\n", ('rows.csv:1:5', 'no name')),
        ("key,credentials.\na,A\n", ('rows.csv:1:5', 'no name')),
        (
            "key,key\na,A\n",
            ('rows.csv:1:5', 'key'),
        ),
        (
            "key,owners,owners.0\na,A,b\n",
            ('rows.csv:1:12', 'owners.0'),
        ),
        (
            "owners.0,owners\na,A\n",
            ('rows.csv:1:10', 'owners'),
        ),
        ("", ('rows.csv', 'empty')),
        (
            "key,display_name\n",
            ('fleet.yaml:1:1', 'no instances'),
        ),
    ],
)  # fmt: skip
def test_errors_name_row_and_column(content, expected, tmp_path):
    with pytest.raises(FleetFileError) as caught:
        load(content, tmp_path)
    shows(caught.value, expected)


def test_a_header_of_thousands_of_dots_is_refused_in_a_line(tmp_path):
    with pytest.raises(FleetFileError) as caught:
        load(f"key,{'a.' * 3_000}b\na,A\n", tmp_path)
    assert "nested more than" in str(caught.value)
    assert len(str(caught.value)) < 200


cells = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from(',"\r\n'), min_size=1)


@given(rows=st.lists(st.tuples(cells, cells).filter(lambda row: any(map(str.strip, row))), min_size=1))
def test_any_cell_that_python_writes_is_read(rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("a", "b.c"), *rows])
    read = to_plain(read_csv(text.getvalue(), "rows.csv").node)
    assert read == {"instances": [{"a": left, "b": {"c": right}} for left, right in rows]}

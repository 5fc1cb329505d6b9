"""What a user sees when a field of the fleet or of an instance is wrong."""

import pytest

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
GUID_ADVICE = "Write it as 8-4-4-4-12 hexadecimal digits; the Entra admin center shows it."
KEY_ADVICE = "Use a-z, 0-9 and '-', starting with a letter or digit, at most 63 characters."
FLEET_ADVICE = "Use a-z, 0-9 and '-', starting with a letter or digit, at most 40 characters."


def field(line):
    return HEAD + INSTANCE + f"    {line}\n"


BAD = {
    "no fleet": (
        TENANT + INSTANCE,
        ("fleet.yaml:1:1: fleet", "missing"),
    ),
    "bad fleet name": (
        f"fleet: Contoso SCIM\n{TENANT}" + INSTANCE,
        ("fleet.yaml:1:1: fleet", "'Contoso SCIM'"),
    ),
    "fleet name of 41 characters": (
        f"fleet: {'a' * 41}\n{TENANT}" + INSTANCE,
        ("fleet.yaml:1:1: fleet", "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"),
    ),
    "no tenant": (
        "fleet: contoso\n" + INSTANCE,
        ("fleet.yaml:1:1: tenant_id", "missing"),
    ),
    "tenant by domain": (
        "fleet: contoso\ntenant_id: contoso.com\n" + INSTANCE,
        ("fleet.yaml:2:1: tenant_id", "'contoso.com'", "GUID"),
    ),
    "unknown field at the top, with a near one": (
        HEAD + INSTANCE + "inclde: [a.yaml]\n",
        ("fleet.yaml:7:1: inclde", "include", "unknown field"),
    ),
    "unknown field at the top": (
        HEAD + INSTANCE + "zzz: 1\n",
        ("fleet.yaml:7:1: zzz", "fleet", "include", "unknown field"),
    ),
    "field of an instance at the top": (
        HEAD + INSTANCE + "scope: all\n",
        ("fleet.yaml:7:1: scope", "unknown field"),
    ),
    "no instances": (
        HEAD + "instances: []\n",
        ("fleet.yaml:1:1", "no instances"),
    ),
    "all instances commented out": (
        HEAD + "instances:\n  # - key: a\n",
        ("fleet.yaml:1:1", "no instances"),
    ),
    "instances as a map": (
        HEAD + "instances: {key: a}\n",
        ("fleet.yaml:3:1: instances", "not a list"),
    ),
    "instance as a text": (
        HEAD + INSTANCE + "  - prod-us\n",
        ("fleet.yaml:7:5: instances[1]", "not an instance"),
    ),
    "defaults as a list": (
        HEAD + "defaults: [a]\n" + INSTANCE,
        ("fleet.yaml:3:1: defaults", "not a map"),
    ),
    "key in defaults": (
        HEAD + "defaults:\n  key: a\n" + INSTANCE,
        ("fleet.yaml:4:3: defaults.key", "belongs"),
    ),
    "bad value in defaults that nobody uses": (
        HEAD + "defaults:\n  template: ' '\n" + INSTANCE,
        ("fleet.yaml:4:3: defaults.template", "blank"),
    ),
    "unknown field": (
        field("scopee: all"),
        ("fleet.yaml:7:5: instances[0].scopee", "scope", "unknown field"),
    ),
    "no value": (
        field("scope:"),
        ("fleet.yaml:7:5: instances[0].scope", "no value"),
    ),
    "no key": (
        HEAD + "instances:\n  - display_name: A\n    template: Box\n",
        ("fleet.yaml:4:5: instances[0].key", "missing"),
    ),
    "no template": (
        HEAD + "instances:\n  - {key: a, display_name: A}\n",
        ("fleet.yaml:4:5: instances[0].template", "missing"),
    ),
    "bad key": (
        HEAD + "instances:\n  - {key: Prod_EU, display_name: A, template: Box}\n",
        ("fleet.yaml:4:6: instances[0].key", "'Prod_EU'", "not a key"),
    ),
    "key with a newline at its end": (
        HEAD + 'instances:\n  - {key: "a\\n", display_name: A, template: Box}\n',
        ("fleet.yaml:4:6: instances[0].key", "'a\\n'", "not a key"),
    ),
    "key of 64 characters": (
        HEAD + f"instances:\n  - {{key: {'k' * 64}, display_name: A, template: Box}}\n",
        ("fleet.yaml:4:6: instances[0].key", "not a key"),
    ),
    "blank display name": (
        HEAD + "instances:\n  - {key: a, display_name: '  ', template: Box}\n",
        ("fleet.yaml:4:14: instances[0].display_name", "blank"),
    ),
    "long display name": (
        HEAD + f"instances:\n  - {{key: a, display_name: {'é' * 121}, template: Box}}\n",
        ("fleet.yaml:4:14: instances[0].display_name", "121", "120"),
    ),
    "display name of characters that count twice": (
        HEAD + f"instances:\n  - {{key: a, display_name: {'😀' * 61}, template: Box}}\n",
        ("fleet.yaml:4:14: instances[0].display_name", "122", "120"),
    ),
    "display name with a line break": (
        HEAD + 'instances:\n  - {key: a, display_name: "A\\nB", template: Box}\n',
        ("fleet.yaml:4:14: instances[0].display_name", "'A\\nB'"),
    ),
    "display name with a mark": (
        HEAD + "instances:\n  - {key: a, display_name: 'A [entra-fleet:x:y]', template: Box}\n",
        ("fleet.yaml:4:14: instances[0].display_name", "'A [entra-fleet:x:y]'"),
    ),
    "key twice": (
        HEAD + INSTANCE + "  - {key: prod-eu, display_name: Other, template: Box}\n",
        ("fleet.yaml:7:6: instances[1].key", "'prod-eu'"),
    ),
    "display name twice, in another case": (
        HEAD + INSTANCE + "  - {key: b, display_name: PROD eu, template: Box}\n",
        ("fleet.yaml:7:14: instances[1].display_name", "'PROD eu'", "display_name"),
    ),
    "renamed from a key in use": (
        HEAD + INSTANCE + "  - {key: b, renamed_from: prod-eu, display_name: B, template: Box}\n",
        ("fleet.yaml:7:14: instances[1].renamed_from", "'prod-eu'"),
    ),
    "renamed from itself": (
        field("renamed_from: prod-eu"),
        ("fleet.yaml:4:5: instances[0]", "renamed_from"),
    ),
    "a list where a text belongs": (
        field("notes: [a, b]"),
        ("fleet.yaml:7:5: instances[0].notes", "not a text"),
    ),
    "a text where a list belongs": (
        field("owners: 8d1e"),
        ("fleet.yaml:7:5: instances[0].owners", "not a list"),
    ),
    "a text where a map belongs": (
        field("credentials: hunter2"),
        ("fleet.yaml:7:5: instances[0].credentials", "not a map"),
    ),
    "bad scope": (
        field("scope: everyone"),
        ("fleet.yaml:7:5: instances[0].scope", "'everyone'", "'assigned'", "'all'"),
    ),
    "job state that YAML twists": (
        field("job: no"),
        ("fleet.yaml:7:5: instances[0].job", "'no'", "'running'", "'paused'", "'unmanaged'"),
    ),
    "list as a scope": (
        field("scope: [all]"),
        ("fleet.yaml:7:5: instances[0].scope", "'assigned'", "'all'", "is a list"),
    ),
    "bad assignments mode": (
        field("assignments_mode: replace"),
        ("fleet.yaml:7:5: instances[0].assignments_mode", "'replace'", "'add'", "'exact'"),
    ),
    "threshold in scientific form": (
        field("delete_threshold: 1e3"),
        ("fleet.yaml:7:5: instances[0].delete_threshold", "'1e3'"),
    ),
    "threshold of zero": (
        field("delete_threshold: 0"),
        ("fleet.yaml:7:5: instances[0].delete_threshold", "'0'"),
    ),
    "flag that YAML twists": (
        field("skip_out_of_scope_deletions: yes"),
        ("fleet.yaml:7:5: instances[0].skip_out_of_scope_deletions", "'yes'"),
    ),
    "bad mail address": (
        field("notification_email: idops"),
        ("fleet.yaml:7:5: instances[0].notification_email", "'idops'", "email"),
    ),
    "date the other way round": (
        field("credentials_expire: 01.05.2027"),
        ("fleet.yaml:7:5: instances[0].credentials_expire", "'01.05.2027'", "date"),
    ),
    "date that is not in the calendar": (
        field("credentials_expire: 2027-02-30"),
        ("fleet.yaml:7:5: instances[0].credentials_expire", "'2027-02-30'", "date"),
    ),
    "owner by name": (
        field("owners: [alice@contoso.com]"),
        ("fleet.yaml:7:14: instances[0].owners[0]", "'alice@contoso.com'", "GUID"),
    ),
    "mappings": (
        field("mappings: mappings/databricks.yaml"),
        ("mappings/databricks.yaml",),
    ),
    "long notes": (
        field(f"notes: {'n' * 1025}"),
        ("fleet.yaml:7:5: instances[0].notes", "1025", "1024"),
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


def test_all_problems_of_a_file_are_shown_in_its_order(tmp_path):
    text = field("job: no\n    scopee: all") + "  - {key: prod-eu, display_name: B, template: Box}\nzzz: 1\n"
    (tmp_path / "fleet.yaml").write_text(text)
    wheres = [line for line in str(error()).splitlines() if line.startswith("fleet.yaml:")]
    assert [where.split(" ")[0:2] for where in wheres] == [
        ["fleet.yaml:7:5:", "instances[0].job:"],
        ["fleet.yaml:8:5:", "instances[0].scopee:"],
        ["fleet.yaml:9:6:", "instances[1].key:"],
        ["fleet.yaml:10:1:", "zzz:"],
    ]


def test_a_problem_in_defaults_is_shown_once_and_ten_in_all(tmp_path):
    rows = "".join(f"  - {{key: Bad {n}, display_name: Name {n}, template: Box}}\n" for n in range(20))
    (tmp_path / "fleet.yaml").write_text(HEAD + "defaults: {scope: x}\ninstances:\n" + rows)
    lines = str(error()).splitlines()
    assert lines[0] == "fleet.yaml:3:12: defaults.scope: 'x' is not 'assigned' or 'all'"
    assert lines[2] == "fleet.yaml:5:6: instances[0].key: 'Bad 0' is not a key"
    assert lines[-1] == "and 11 more"
    assert len(lines) == 21

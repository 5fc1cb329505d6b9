"""What a user sees when a field of the fleet or of an instance is wrong."""

import pytest

from flows.fleet_file.loader import FleetFileError, load_fleet

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
        "fleet.yaml:1:1: fleet: is missing\nAdd 'fleet:' at the top of the file.",
    ),
    "bad fleet name": (
        f"fleet: Contoso SCIM\n{TENANT}" + INSTANCE,
        f"fleet.yaml:1:1: fleet: 'Contoso SCIM' is not a fleet name\n{FLEET_ADVICE}",
    ),
    "fleet name of 41 characters": (
        f"fleet: {'a' * 41}\n{TENANT}" + INSTANCE,
        f"fleet.yaml:1:1: fleet: '{'a' * 41}' is not a fleet name\n{FLEET_ADVICE}",
    ),
    "no tenant": (
        "fleet: contoso\n" + INSTANCE,
        "fleet.yaml:1:1: tenant_id: is missing\nAdd 'tenant_id:' at the top of the file.",
    ),
    "tenant by domain": (
        "fleet: contoso\ntenant_id: contoso.com\n" + INSTANCE,
        f"fleet.yaml:2:1: tenant_id: 'contoso.com' is not an object id (GUID)\n{GUID_ADVICE}",
    ),
    "unknown field at the top, with a near one": (
        HEAD + INSTANCE + "inclde: [a.yaml]\n",
        "fleet.yaml:7:1: inclde: unknown field\nDid you mean include?",
    ),
    "unknown field at the top": (
        HEAD + INSTANCE + "zzz: 1\n",
        "fleet.yaml:7:1: zzz: unknown field\nKnown here: fleet, tenant_id, renamed_from, defaults, instances, include.",
    ),
    "field of an instance at the top": (
        HEAD + INSTANCE + "scope: all\n",
        "fleet.yaml:7:1: scope: unknown field\nMove it below 'defaults:' or to an instance.",
    ),
    "no instances": (
        HEAD + "instances: []\n",
        "fleet.yaml:1:1: the fleet has no instances\nAdd at least one below 'instances:', or include a file.",
    ),
    "all instances commented out": (
        HEAD + "instances:\n  # - key: a\n",
        "fleet.yaml:1:1: the fleet has no instances\nAdd at least one below 'instances:', or include a file.",
    ),
    "instances as a map": (
        HEAD + "instances: {key: a}\n",
        "fleet.yaml:3:1: instances: is a map, not a list\nStart each item with '- '.",
    ),
    "instance as a text": (
        HEAD + INSTANCE + "  - prod-us\n",
        "fleet.yaml:7:5: instances[1]: is a text, not an instance\nStart it with '- key: …'.",
    ),
    "defaults as a list": (
        HEAD + "defaults: [a]\n" + INSTANCE,
        "fleet.yaml:3:1: defaults: is a list, not a map of fields\n"
        "Write one 'name: value' per line, indented below 'defaults:'.",
    ),
    "key in defaults": (
        HEAD + "defaults:\n  key: a\n" + INSTANCE,
        "fleet.yaml:4:3: defaults.key: belongs to each instance, not to defaults\nMove it to the instances.",
    ),
    "bad value in defaults that nobody uses": (
        HEAD + "defaults:\n  template: ' '\n" + INSTANCE,
        "fleet.yaml:4:3: defaults.template: is blank\nAdd a value, or remove the line.",
    ),
    "unknown field": (
        field("scopee: all"),
        "fleet.yaml:7:5: instances[0].scopee: unknown field\nDid you mean scope?",
    ),
    "no value": (
        field("scope:"),
        "fleet.yaml:7:5: instances[0].scope: has no value\nAdd a value, or remove the line.",
    ),
    "no key": (
        HEAD + "instances:\n  - display_name: A\n    template: Box\n",
        "fleet.yaml:4:5: instances[0].key: is missing\nAdd 'key:' to the instance.",
    ),
    "no template": (
        HEAD + "instances:\n  - {key: a, display_name: A}\n",
        "fleet.yaml:4:5: instances[0].template: is missing\nAdd 'template:' to the instance or to defaults.",
    ),
    "bad key": (
        HEAD + "instances:\n  - {key: Prod_EU, display_name: A, template: Box}\n",
        f"fleet.yaml:4:6: instances[0].key: 'Prod_EU' is not a key\n{KEY_ADVICE}",
    ),
    "key with a newline at its end": (
        HEAD + 'instances:\n  - {key: "a\\n", display_name: A, template: Box}\n',
        f"fleet.yaml:4:6: instances[0].key: 'a\\n' is not a key\n{KEY_ADVICE}",
    ),
    "key of 64 characters": (
        HEAD + f"instances:\n  - {{key: {'k' * 64}, display_name: A, template: Box}}\n",
        f"fleet.yaml:4:6: instances[0].key: '{'k' * 60}…' is not a key\n{KEY_ADVICE}",
    ),
    "blank display name": (
        HEAD + "instances:\n  - {key: a, display_name: '  ', template: Box}\n",
        "fleet.yaml:4:14: instances[0].display_name: is blank\nAdd a value, or remove the line.",
    ),
    "long display name": (
        HEAD + f"instances:\n  - {{key: a, display_name: {'é' * 121}, template: Box}}\n",
        "fleet.yaml:4:14: instances[0].display_name: is 121 characters long; at most 120 are allowed\n"
        "Shorten it: the ownership tag is appended while the application is created.",
    ),
    "display name of characters that count twice": (
        HEAD + f"instances:\n  - {{key: a, display_name: {'😀' * 61}, template: Box}}\n",
        "fleet.yaml:4:14: instances[0].display_name: is 122 characters long; at most 120 are allowed\n"
        "Shorten it: the ownership tag is appended while the application is created.",
    ),
    "display name with a line break": (
        HEAD + 'instances:\n  - {key: a, display_name: "A\\nB", template: Box}\n',
        "fleet.yaml:4:14: instances[0].display_name: "
        "'A\\nB' has line breaks, invisible characters, or leading or trailing spaces\n"
        "Remove them; Entra ID would not store the name as written.",
    ),
    "display name with a mark": (
        HEAD + "instances:\n  - {key: a, display_name: 'A [entra-fleet:x:y]', template: Box}\n",
        "fleet.yaml:4:14: instances[0].display_name: 'A [entra-fleet:x:y]' contains an ownership tag or a placeholder\n"
        "Remove [entra-fleet:…], {key} and {display_name}: names are taken literally.",
    ),
    "key twice": (
        HEAD + INSTANCE + "  - {key: prod-eu, display_name: Other, template: Box}\n",
        "fleet.yaml:7:6: instances[1].key: "
        "'prod-eu' is already used: fleet.yaml:4:5: instances[0].key\n"
        "Give each instance a unique key.",
    ),
    "display name twice, in another case": (
        HEAD + INSTANCE + "  - {key: b, display_name: PROD eu, template: Box}\n",
        "fleet.yaml:7:14: instances[1].display_name: "
        "'PROD eu' is already used: fleet.yaml:5:5: instances[0].display_name\n"
        "Give each instance a unique name.",
    ),
    "renamed from a key in use": (
        HEAD + INSTANCE + "  - {key: b, renamed_from: prod-eu, display_name: B, template: Box}\n",
        "fleet.yaml:7:14: instances[1].renamed_from: "
        "'prod-eu' is still the key of another instance: fleet.yaml:4:5: instances[0]\n"
        "Rename that one first, or correct renamed_from.",
    ),
    "renamed from itself": (
        field("renamed_from: prod-eu"),
        "fleet.yaml:4:5: instances[0]: renamed_from is the same as key\nRemove renamed_from, or give the previous key.",
    ),
    "a list where a text belongs": (
        field("notes: [a, b]"),
        "fleet.yaml:7:5: instances[0].notes: is a list, not a text\n"
        "Write one value; quote it if it starts with [ or {.",
    ),
    "a text where a list belongs": (
        field("owners: 8d1e"),
        "fleet.yaml:7:5: instances[0].owners: is a text, not a list\nStart each item with '- '.",
    ),
    "a text where a map belongs": (
        field("credentials: hunter2"),
        "fleet.yaml:7:5: instances[0].credentials: is a text, not a map of fields\n"
        "Write one 'name: value' per line, indented below this one.",
    ),
    "bad scope": (
        field("scope: everyone"),
        "fleet.yaml:7:5: instances[0].scope: 'everyone' is not 'assigned' or 'all'\nWrite 'assigned' or 'all'.",
    ),
    "job state that YAML twists": (
        field("job: no"),
        "fleet.yaml:7:5: instances[0].job: 'no' is not 'running', 'paused' or 'unmanaged'\n"
        "Write 'running', 'paused' or 'unmanaged'.",
    ),
    "list as a scope": (
        field("scope: [all]"),
        "fleet.yaml:7:5: instances[0].scope: is a list, not 'assigned' or 'all'\nWrite 'assigned' or 'all'.",
    ),
    "bad assignments mode": (
        field("assignments_mode: replace"),
        "fleet.yaml:7:5: instances[0].assignments_mode: 'replace' is not 'add' or 'exact'\nWrite 'add' or 'exact'.",
    ),
    "threshold in scientific form": (
        field("delete_threshold: 1e3"),
        "fleet.yaml:7:5: instances[0].delete_threshold: '1e3' is not a whole number of 1 or more\n"
        "Write digits only, such as 50.",
    ),
    "threshold of zero": (
        field("delete_threshold: 0"),
        "fleet.yaml:7:5: instances[0].delete_threshold: '0' is not a whole number of 1 or more\n"
        "Write digits only, such as 50.",
    ),
    "flag that YAML twists": (
        field("skip_out_of_scope_deletions: yes"),
        "fleet.yaml:7:5: instances[0].skip_out_of_scope_deletions: 'yes' is neither true nor false\n"
        "Write true or false.",
    ),
    "bad mail address": (
        field("notification_email: idops"),
        "fleet.yaml:7:5: instances[0].notification_email: 'idops' is not an email address\n"
        "Give one address, such as idops@contoso.com.",
    ),
    "date the other way round": (
        field("credentials_expire: 01.05.2027"),
        "fleet.yaml:7:5: instances[0].credentials_expire: '01.05.2027' is not a date\n"
        "Write year, month and day, such as 2027-05-01.",
    ),
    "date that is not in the calendar": (
        field("credentials_expire: 2027-02-30"),
        "fleet.yaml:7:5: instances[0].credentials_expire: '2027-02-30' is not a date\n"
        "Write year, month and day, such as 2027-05-01.",
    ),
    "owner by name": (
        field("owners: [alice@contoso.com]"),
        f"fleet.yaml:7:14: instances[0].owners[0]: 'alice@contoso.com' is not an object id (GUID)\n{GUID_ADVICE}",
    ),
    "mappings": (
        field("mappings: mappings/databricks.yaml"),
        "mappings/databricks.yaml: no such file\nCheck the path, or create the file.",
    ),
    "long notes": (
        field(f"notes: {'n' * 1025}"),
        "fleet.yaml:7:5: instances[0].notes: is 1025 characters long; Graph allows 1024\nShorten the notes.",
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


def test_all_problems_of_a_file_are_shown_in_its_order(tmp_path):
    text = field("job: no\n    scopee: all") + "  - {key: prod-eu, display_name: B, template: Box}\nzzz: 1\n"
    (tmp_path / "fleet.yaml").write_text(text)
    wheres = [line for line in text_of_error().splitlines() if line.startswith("fleet.yaml:")]
    assert [where.split(" ")[0:2] for where in wheres] == [
        ["fleet.yaml:7:5:", "instances[0].job:"],
        ["fleet.yaml:8:5:", "instances[0].scopee:"],
        ["fleet.yaml:9:6:", "instances[1].key:"],
        ["fleet.yaml:10:1:", "zzz:"],
    ]


def test_a_problem_in_defaults_is_shown_once_and_ten_in_all(tmp_path):
    rows = "".join(f"  - {{key: Bad {n}, display_name: Name {n}, template: Box}}\n" for n in range(20))
    (tmp_path / "fleet.yaml").write_text(HEAD + "defaults: {scope: x}\ninstances:\n" + rows)
    lines = text_of_error().splitlines()
    assert lines[0] == "fleet.yaml:3:12: defaults.scope: 'x' is not 'assigned' or 'all'"
    assert lines[2] == "fleet.yaml:5:6: instances[0].key: 'Bad 0' is not a key"
    assert lines[-1] == "and 11 more"
    assert len(lines) == 21

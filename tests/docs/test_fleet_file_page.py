"""docs/fleet-file.md names every field of the fleet file, with its type and default."""

from typing import Literal, get_args, get_origin

import pytest

from flows.fleet_file.credential_keys import ALLOWED_KEYS, FIELD_OF_KEY, SENSITIVE_KEYS
from flows.fleet_file.json_schema import fleet_schema
from flows.fleet_file.models import Assignment, Instance
from tests.docs.pages import names, rows, section

PAGE = "fleet-file.md"
TABLES = {
    "Top level": set(fleet_schema()["properties"]),
    "An instance": set(Instance.model_fields),
    "An assignment": set(Assignment.model_fields),
}
FIELDS = [(model, name) for model in (Instance, Assignment) for name in model.model_fields]


def table(heading):
    return {name.strip("`"): cells for name, *cells in rows(section(PAGE, heading))}


@pytest.mark.parametrize(("heading", "fields"), TABLES.items())
def test_every_field_has_a_row_with_type_default_and_effect(heading, fields):
    found = table(heading)
    assert set(found) == fields
    assert [name for name, cells in found.items() if len(cells) != 3 or not all(cells)] == []


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=str)
def test_choices_and_defaults_are_those_of_the_file(model, name):
    kind, default, _ = table(f"An {model.__name__.lower()}")[name]
    field = model.model_fields[name]
    assert default.startswith("required") is field.is_required()
    if isinstance(field.default, str):
        assert names(default) == [field.default]
    annotations = [field.annotation, *get_args(field.annotation)]
    choices = [choice for each in annotations if get_origin(each) is Literal for choice in get_args(each)]
    assert not choices or names(kind) == choices


def test_defaults_may_hold_all_but_what_tells_instances_apart():
    kind, *_ = table("Top level")["defaults"]
    assert set(names(kind)) == set(Instance.model_fields) - set(fleet_schema()["$defs"]["Defaults"]["properties"])


def test_every_credential_key_is_named_as_sensitive_or_not():
    items = section(PAGE, "Credentials").split("\n- ")
    sensitive, others, settings = (names(item.partition("\n\n")[0]) for item in items[1:4])
    assert sensitive == sorted(SENSITIVE_KEYS)
    assert others == sorted(set(ALLOWED_KEYS) - SENSITIVE_KEYS)
    assert set(FIELD_OF_KEY) <= set(settings)

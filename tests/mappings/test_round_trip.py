"""A schema that is exported and applied again changes nothing, whatever is in it."""

import copy
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.documents.nodes import to_plain
from flows.documents.readers import read_yaml
from flows.mappings.merge import desired_mappings, diff_mappings
from flows.mappings.models import Mappings
from flows.mappings.schema_edit import merge_schema
from flows.mappings.table import build_table, find_object_mapping, write_yaml
from graph_emulator.directory.gallery import gallery
from graph_emulator.provisioning.schema import build_schema
from tests.mappings.schemas import SCHEMAS, schema_of

THOROUGH = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


def exported(schema):
    """What export writes of a schema, and what a fleet file reads of that."""
    table, left_alone = build_table(schema)
    if table is None:
        return None
    text = write_yaml(table, left_alone)
    assert write_yaml(Mappings.model_validate(to_plain(read_yaml(text, "m.yaml").node)), left_alone) == text
    return Mappings.model_validate(to_plain(read_yaml(text, "m.yaml").node))


def nothing_to_do(file, applied, template, schema):
    found, problems = desired_mappings(file, applied, template, schema)
    return (problems, diff_mappings(found), merge_schema(schema, found)) == ([], [], schema)


@THOROUGH
@given(SCHEMAS)
def test_any_schema_is_exported_and_applied_without_a_write(schema):
    before = copy.deepcopy(schema)
    file = exported(schema)
    assert file is None or nothing_to_do(file, None, None, schema)
    assert file is None or nothing_to_do(file, file, schema, schema)
    assert schema == before


@THOROUGH
@given(SCHEMAS)
def test_the_object_that_a_flow_is_given_says_the_same(schema):
    file = exported(schema)
    assert file is None or Mappings.model_validate(json.loads(json.dumps(file.to_object()))) == file


def test_every_schema_of_the_gallery_is_written_in_full():
    for template in gallery("global").values():
        for name in template.synchronization:
            schema = build_schema(template, name)
            assert build_table(schema)[1] == []
            assert nothing_to_do(exported(schema), None, None, schema)


@THOROUGH
@given(SCHEMAS)
def test_what_the_file_does_not_name_is_put_as_it_was(schema):
    file = exported(schema)
    if file is None:
        return
    wanted = file.to_object()
    for each in wanted["object_mappings"]:
        each.setdefault("attributes", {})["entra-fleet test"] = {"constant": "x"}
    found, problems = desired_mappings(Mappings.model_validate(wanted), None, None, schema)
    put = merge_schema(schema, found)
    assert problems == []
    assert len(diff_mappings(found)) == len(wanted["object_mappings"])
    for rule in put["synchronizationRules"]:
        for each in (rule or {}).get("objectMappings") or ():
            attributes = (each or {}).get("attributeMappings") or []
            if attributes and (attributes[-1] or {}).get("targetAttributeName") == "entra-fleet test":
                del attributes[-1]
    assert without_empty_lists(put) == without_empty_lists(schema)


def without_empty_lists(schema):
    """A schema in which nothing tells a missing list of attributes from an empty one."""
    made = copy.deepcopy(schema)
    for rule in made.get("synchronizationRules") or ():
        for each in (rule or {}).get("objectMappings") or ():
            if each is not None and not each.get("attributeMappings"):
                each.pop("attributeMappings", None)
    return made


def test_the_same_schema_in_another_order_is_the_same_file():
    schema = schema_of()
    turned = copy.deepcopy(schema)
    for each in turned["synchronizationRules"][0]["objectMappings"]:
        each["attributeMappings"].reverse()
    assert write_yaml(build_table(turned)[0]) == write_yaml(build_table(schema)[0])


NULL = {"source": None, "defaultValue": "x"}
ODD = [
    {"targetAttributeName": "test null", **NULL},
    {"targetAttributeName": "test double", **NULL},
    {"targetAttributeName": "Test Double", **NULL},
    {"targetAttributeName": "test odd", "source": {"type": "Attribute", "name": "a"}, "matchingPriority": -1},
    {"targetAttributeName": "test plain", "source": {"type": "Attribute", "name": "a"}},
]
ROWS = {name: {"constant": "c"} for name in ("test null", "test odd", "test plain", "test new")}


@st.composite
def schemas_and_files(draw):
    """A schema with targets that have no source or are mapped twice, and a file that names them."""
    schema = draw(SCHEMAS)
    for each in find_object_mapping(schema):
        each.raw["attributeMappings"] = [*(each.raw.get("attributeMappings") or ()), *draw(st.permutations(ODD))]
    table = build_table(schema)[0]
    objects = []
    for each in table.object_mappings if table else ():
        unmapped = draw(st.lists(st.sampled_from(["test double", *ROWS]), unique=True))
        rows = {name: row for name, row in ROWS.items() if name not in unmapped}
        identity = {name: value for name in ("source", "target", "rule", "name") if (value := getattr(each, name))}
        objects.append({**identity, "attributes": rows, "unmapped": unmapped})
    return schema, Mappings.model_validate({"object_mappings": objects}) if objects else None


@settings(THOROUGH, max_examples=40)
@given(schemas_and_files())
def test_a_second_merge_changes_nothing(drawn):
    schema, file = drawn
    if file is None:
        return
    found, problems = desired_mappings(file, None, None, schema)
    assert problems == []
    once = merge_schema(schema, found)
    assert nothing_to_do(file, None, None, once)
    assert nothing_to_do(file, file, schema, once)

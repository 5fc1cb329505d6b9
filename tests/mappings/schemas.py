"""Schemas for the tests: the emulator's, and strange ones by hypothesis."""

import copy

from hypothesis import strategies as st

from flows.mappings.models import Mappings
from graph_emulator.directory.gallery import gallery
from graph_emulator.provisioning.schema import build_schema


def schema_of(name="Box"):
    """The schema that a job of a gallery application begins with."""
    template = next(each for each in gallery("global").values() if each.display_name == name)
    return build_schema(template, template.synchronization[0])


def users(schema):
    """The object mapping of users."""
    found = schema["synchronizationRules"][0]["objectMappings"]
    return next(each for each in found if each["sourceObjectName"] == "User")


def attribute(schema, target):
    """The mapping of a target attribute of users, or None."""
    found = [each for each in users(schema)["attributeMappings"] if each["targetAttributeName"] == target]
    return found[0] if found else None


def mappings(attributes=(), **fields):
    """A mappings file that speaks of users."""
    target = users(schema_of())["targetObjectName"]
    return Mappings.model_validate(
        {"object_mappings": [{"source": "User", "target": target, "attributes": dict(attributes), **fields}]}
    )


def edited(schema, **attributes):
    """A copy of a schema with other sources of some attributes of users, as the portal writes them."""
    made = copy.deepcopy(schema)
    for target, source in attributes.items():
        attribute(made, target)["source"] = {"expression": f"[{source}]", "name": source, "type": "Attribute"}
    return made


@st.composite
def objects(draw, **fields):
    """JSON objects with these members, of which any may be missing or null now and then."""
    fates = {name: draw(st.integers(0, 11)) for name in fields}
    return {name: draw(values) if fates[name] > 1 else None for name, values in fields.items() if fates[name]}


def lists(values, least=0):
    return st.lists(st.integers(0, 11).flatmap(lambda fate: values if fate else st.none()), min_size=least, max_size=2)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = (
    st.sampled_from(["User", "Group", "userName", "name.givenName", 'emails[type eq "work"].value', "a:b", "and"])
    | TEXT
)
NUMBERS = st.integers(-1, 9) | st.floats(0, 9).map(round).map(float)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT, lambda inner: lists(inner) | st.dictionaries(TEXT, inner)
)
OPERATORS = st.sampled_from(["EQUALS", "IS TRUE", "NOT EQUALS", "Greater_Than", "IsMemberOf", "NEW THING"]) | TEXT
CLAUSES = objects(operatorName=OPERATORS, sourceOperandName=NAMES, targetOperand=objects(values=lists(NAMES)))
GROUPS = lists(objects(clauses=lists(CLAUSES), name=TEXT))
EXPRESSIONS = st.sampled_from(
    ["[mail]", '"x"', 'Join(" ", [a], , "b")', 'IIF([country]="USA",[a],Switch([b], , "1", "2"))', "", "Broken("]
)
SENSIBLE = st.one_of(
    NAMES.map(lambda name: {"type": "Attribute", "name": name, "expression": f"[{name}]", "parameters": []}),
    TEXT.map(lambda text: {"type": "Constant", "name": text, "expression": None}),
    EXPRESSIONS.map(lambda text: {"type": "Function", "name": text.split("(")[0], "expression": text}),
)
SOURCES = SENSIBLE | objects(
    expression=EXPRESSIONS | NAMES.map(lambda name: f"[{name}]") | TEXT,
    name=NAMES,
    parameters=lists(objects(key=TEXT, value=objects(type=TEXT, name=TEXT))),
    type=st.sampled_from(["Attribute", "Constant", "Function", "Later"]),
)
MAPPINGS = objects(
    defaultValue=TEXT,
    exportMissingReferences=st.booleans(),
    flowBehavior=st.sampled_from(["FlowWhenChanged", "FlowAlways", "Later"]),
    flowType=st.sampled_from(["Always", "ObjectAddOnly", "ValueAddOnly", "always", "Later"]),
    matchingPriority=NUMBERS,
    source=SOURCES,
    targetAttributeName=NAMES,
    later=ANYTHING,
)
OBJECT_MAPPINGS = objects(
    attributeMappings=lists(MAPPINGS, 1),
    enabled=st.booleans(),
    flowTypes=st.sampled_from(["Add, Update, Delete", "Add,Update", "None", "Delete, Add", "Later, Add", ""]),
    metadata=lists(objects(key=TEXT, value=TEXT)),
    name=TEXT,
    scope=objects(categoryFilterGroups=GROUPS, groups=GROUPS, inputFilterGroups=GROUPS),
    sourceObjectName=st.sampled_from(["User", "Group"]) | NAMES,
    targetObjectName=st.sampled_from(["User", "urn:x:2.0:User"]) | NAMES,
    later=ANYTHING,
)
SCHEMAS = objects(
    id=TEXT,
    version=TEXT,
    directories=lists(ANYTHING),
    synchronizationRules=lists(objects(name=TEXT, objectMappings=lists(OBJECT_MAPPINGS, 1), priority=NUMBERS), 1),
)

"""What was edited in the tenant is taken over into the file; all else in it stays."""

import copy

from flows.documents.nodes import to_plain
from flows.documents.readers import read_yaml
from flows.mappings.adopt import adopt_mappings, expected_mappings
from flows.mappings.merge import desired_mappings
from flows.mappings.models import Mappings
from tests.mappings.schemas import attribute, schema_of, users

SCHEMA = schema_of()
TEXT = f"""\
# ours
object_mappings:
  - source: User   # people
    target: {users(SCHEMA)["targetObjectName"]}
    flow: add, update
    scope:
      - department equals Sales  # until CHG2
    attributes:
      # as HR wants it
      title: {{expression: 'Trim([jobTitle])'}}
      "nickName": {{attribute: mail}}
      displayName: {{attribute: displayName}}  # the same
      preferredLanguage: {{constant: "no"}}
    unmapped: [externalId, timezone]
"""


def read(text):
    return Mappings.model_validate(to_plain(read_yaml(text, "m.yaml").node))


def test_comments_and_what_does_not_differ_stay():
    schema = copy.deepcopy(SCHEMA)
    language = {"type": "Constant", "name": "no", "expression": '"no"'}
    users(schema)["attributeMappings"].append({"targetAttributeName": "preferredLanguage", "source": language})
    attribute(schema, "title")["matchingPriority"] = 2
    users(schema)["enabled"] = False
    found, _ = desired_mappings(read(TEXT), None, None, schema)
    text = adopt_mappings(TEXT, found)
    assert read(text) == expected_mappings(read(TEXT), found)
    again, problems = desired_mappings(read(text), None, None, schema)
    assert problems == []
    assert [each.rows.keys() for each in again] == [{"title", "displayName", "preferredLanguage"}]
    assert text == (
        TEXT.replace("flow: add, update\n", "flow: add, update, delete\n")
        .replace("{expression: 'Trim([jobTitle])'}", "{attribute: jobTitle, matching: 2}")
        .replace('      "nickName": {attribute: mail}\n', "")
        .replace("    scope:\n      - department equals Sales  # until CHG2\n", "    scope: []\n")
        .replace("[externalId, timezone]", "[timezone]")
    )

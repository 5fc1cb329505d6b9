"""Paths and bodies of the calls about schemas."""

import pytest

from graph_client import errors
from tests.graph_client.doubles import GRAPH, Script, answer, client, page

SP = "1f2e3d4c-0000-4000-8000-000000000001"
SCHEMA = f"/v1.0/servicePrincipals/{SP}/synchronization/jobs/a.b%2Fc/schema"
WHOLE = {"id": "x", "synchronizationRules": [{"unknown": {"kept": [1, 1.5, None]}}], "directories": None}


async def sent(script, call, **changes):
    async with client(script, **changes) as graph:
        value = await call(graph.synchronization_schemas)
    return [f"{each.method} {str(each.url).removeprefix(GRAPH)}" for each in script.requests], value


async def test_a_schema_is_read_as_it_is_without_where_it_was_read():
    found = {"@odata.context": "x", "@odata.etag": "y", **WHOLE}
    lines, schema = await sent(Script(answer(200, found)), lambda each: each.get(SP, "a.b/c"))
    assert (lines, schema) == ([f"GET {SCHEMA}"], WHOLE)


async def test_the_schema_of_a_template_is_read():
    lines, schema = await sent(Script(answer(200, WHOLE)), lambda each: each.of_template(SP, "scim"))
    assert (lines, schema) == ([f"GET {SCHEMA.replace('jobs/a.b%2Fc', 'templates/scim')}"], WHOLE)


async def test_a_schema_is_put_whole():
    script = Script(answer(204))
    lines, _ = await sent(script, lambda each: each.replace(SP, "a.b/c", WHOLE))
    assert (lines, script.bodies()) == ([f"PUT {SCHEMA}"], [WHOLE])


async def test_what_begins_an_initial_cycle_is_not_repeated_blindly():
    script = Script(answer(502), answer(204))
    with pytest.raises(errors.GraphError) as raised:
        await sent(script, lambda each: each.replace(SP, "a.b/c", WHOLE))
    assert (raised.value.may_have_happened, len(script.requests)) == (True, 1)


async def test_what_a_schema_may_consist_of():
    operators = page([{"id": "EQUALS", "arity": "Binary", "supportedAttributeTypes": ["String"]}])
    lines, found = await sent(Script(operators), lambda each: each.filter_operators(SP, "a.b/c"))
    assert lines == [f"GET {SCHEMA}/filterOperators()"]
    assert [(each.id, each.arity, each.supported_attribute_types) for each in found] == [
        ("EQUALS", "Binary", ("String",))
    ]
    functions = page([{"id": "Join", "parameters": [{"name": "separator", "allowMultipleOccurrences": True}]}])
    lines, found = await sent(Script(functions), lambda each: each.functions(SP, "a.b/c"))
    assert lines == [f"GET {SCHEMA}/functions()"]
    assert [(each.id, each.parameters[0].allow_multiple_occurrences) for each in found] == [("Join", True)]


async def test_an_expression_is_parsed():
    script = Script(answer(200, {"parsingSucceeded": True, "parsedExpression": {"type": "Function"}}))
    lines, found = await sent(script, lambda each: each.parse_expression(SP, "a.b/c", "Trim([mail])"))
    assert (lines, script.bodies()) == ([f"POST {SCHEMA}/parseExpression"], [{"expression": "Trim([mail])"}])
    assert (found.parsing_succeeded, found.parsed_expression) == (True, {"type": "Function"})

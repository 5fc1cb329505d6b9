import pytest

from graph_emulator.provisioning.schema import ExpressionError, parse
from tests.graph_emulator.driver import error_of


@pytest.fixture
async def job(wire):
    _, principal = await wire.instantiate()
    return await wire.make_job(principal)


async def test_operators_functions_and_template_schemas(wire, job):
    path = job.rpartition("/jobs/")[0] + "/templates/BoxOutDelta/schema"
    for place in (f"{job}/schema", path):
        assert {o["id"] for o in (await wire.get(f"{place}/filterOperators()"))["value"]} >= {"EQUALS", "IS NULL"}
        assert {f["id"] for f in (await wire.get(f"{place}/functions"))["value"]} >= {"Join", "Switch", "IIF"}
    assert (await wire.get(path))["synchronizationRules"]
    for name in ("", "/functions"):
        absent = await wire.send("GET", f"{job.rpartition('/jobs/')[0]}/templates/absent/schema{name}")
        assert error_of(absent)[0] == 404


async def test_discovery_dates_the_directory(open_tenant):
    wire = await open_tenant(roles=("Application.ReadWrite.OwnedBy",))
    _, principal = await wire.instantiate(template="8adf8e6e-67b2-4cf2-a259-e3dc5476c621")
    job = await wire.make_job(principal, "scim")
    directory = (await wire.get(f"{job}/schema"))["directories"][1]
    found = await wire.post(f"{job}/schema/directories/{directory['id']}/discover", None, 200)
    assert (found["name"], found["discoveryDateTime"]) == (directory["name"], "2026-01-05T08:00:00Z")
    assert error_of(await wire.send("POST", f"{job}/schema/directories/none/discover"))[0] == 404


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[mail]", "a@b"),
        ('"x"', "x"),
        ('Join("-", [mail], "y", ToUpper("z"))', "a@b-y-Z"),
        ('Append(StripSpaces(" a b "), "!")', "ab!"),
        ('Coalesce([none], "", "third")', "third"),
        ('ToLower("ABC", )', "abc"),
    ],
)
async def test_an_expression_is_read_and_tried_out(wire, job, text, value):
    test_object = {"properties": [{"key": "mail", "value": "a@b"}]}
    found = await wire.post(f"{job}/schema/parseExpression", {"expression": text, "testInputObject": test_object}, 200)
    assert (found["parsingSucceeded"], found["evaluationSucceeded"], found["evaluationResult"]) == (True, True, [value])


@pytest.mark.parametrize("text", ["", "[mail", "Join(", "Nope([a])", "Left([a])", "[a] [b]", "Join(,", "(" * 500, ")"])
async def test_what_is_no_expression_is_said_in_a_good_answer(wire, job, text):
    if not text:
        return
    found = await wire.post(f"{job}/schema/parseExpression", {"expression": text}, 200)
    assert (found["parsingSucceeded"], found["error"]["code"]) == (False, "InvalidExpression")


def test_an_expression_has_its_limits():
    with pytest.raises(ExpressionError, match="10000"):
        parse('"' + "x" * 10_000 + '"')
    with pytest.raises(ExpressionError):
        parse("Trim(" * 100 + "[a]" + ")" * 100)


async def test_access_tokens_are_kept_with_the_secrets(wire, job):
    path = job.rpartition("/jobs/")[0]
    pair = {"key": "Oauth2AuthorizationCode", "value": "code"}
    await wire.post(f"{path}/acquireAccessToken", {"credentials": [pair]})
    shown = {pair["key"]: pair["value"] for pair in (await wire.get(f"{path}/secrets"))["value"]}
    assert shown["Oauth2AccessToken"] == "*"
    await wire.post(f"{path}/acquireAccessToken", {"credentials": []}, 400)
    await wire.post(f"{path}/acquireAccessToken", {"credentials": [{"key": "Nope"}]}, 500)

"""Mappings as code from the command line: export, edit, plan, apply, meddling, adopt, history, restore."""

import asyncio
import copy
import json

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.configuration.sign_in import open_client
from tests.estates import fleet, instance
from tests.mappings.schemas import attribute


@pytest.fixture
def here(entra_fleet_here, tenant):
    """Runs a command that needs no Prefect, quickly."""

    def run(*arguments, code=0):
        with add_prefect_variables({"TOKEN": "good", "COLUMNS": "250"}):
            result = entra_fleet_here(*arguments)
        assert result.code == code, result.err
        return result

    return run


@pytest.fixture
def run(entra_fleet, tenant):
    """Runs a command as a process."""

    def run(*arguments, code=0):
        result = entra_fleet(*arguments, TOKEN="good", COLUMNS="250", PREFECT_API_URL="")
        assert (result.code, "Traceback" in result.err) == (code, False), result.err
        return result

    return run


def in_tenant(work):
    async def working():
        async with open_client(None) as (graph, _):
            return await work(graph.synchronization_schemas)

    return asyncio.run(working())


def edit_title(job, source):
    """Somebody maps the title otherwise in the portal."""

    async def edit(schemas):
        schema = copy.deepcopy(await schemas.get(*job))
        attribute(schema, "title")["source"] = {"type": "Attribute", "name": source, "expression": f"[{source}]"}
        await schemas.replace(*job, schema)

    in_tenant(edit)


def title_of(job):
    return attribute(in_tenant(lambda schemas: schemas.get(*job)), "title")["source"]["name"]


def changes(result):
    return [
        (
            each["key"],
            change["field"].removeprefix("mappings.User."),
            change["before"],
            change["after"],
            change.get("origin"),
        )
        for each in json.loads(result.out)["instances"]
        for change in each["changes"]
    ]


TITLE = "      title: {attribute: jobTitle}\n"
NEW_TITLE = "      # as HR wants it\n      title: {expression: 'Trim([jobTitle])'}  # CHG1\n"


def test_a_mapping_is_exported_changed_reviewed_rolled_back_and_taken_over(run, here, write_fleet, tmp_path):
    path = write_fleet(fleet(instance("one"), instance("two")))
    applied = json.loads(run("apply", path, "--yes", "--output", "json").out)
    jobs = [(each["service_principal_id"], each["job_id"]) for each in applied["instances"]]

    file = tmp_path / "mappings" / "box.yaml"
    file.parent.mkdir()
    here("schema", "export", path, "--only", "one", "--out", file)
    assert "already exists" in here("schema", "export", path, "--only", "one", "--out", file, code=1).err
    assert here("schema", "export", path, "--only", "two").out.partition("\n")[2] == file.read_text().partition("\n")[2]
    write_fleet(fleet(*(instance(key, mappings="mappings/box.yaml") for key in ("one", "two"))))
    here("plan", path, "--detailed-exitcode", code=0)

    file.write_text(file.read_text().replace(TITLE, NEW_TITLE))
    planned = here("plan", path, "--output", "json", "--out", tmp_path / "plan.json")
    source = "attributes.title.source"
    assert changes(planned) == [(key, source, "[jobTitle]", "Trim([jobTitle])", None) for key in ("one", "two")]
    assert "initial cycle" in here("plan", path).out
    outcome = json.loads(run("apply", path, "--plan-file", tmp_path / "plan.json", "--output", "json").out)
    assert outcome["summary"]["updated"] == 2
    assert changes(here("plan", path, "--output", "json")) == []

    versions = json.loads(here("schema", "history", path, "--only", "one", "--output", "json").out)["versions"]
    assert [each["reason"] for each in versions] == ["apply"]
    restored = json.loads(run("schema", "restore", path, "--only", "one", "--yes", "--output", "json").out)
    assert restored["summary"] == {"restored": 1, "unchanged": 0, "failed": 0}
    assert [title_of(job) for job in jobs] == ["jobTitle", "Trim"]
    assert changes(here("plan", path, "--output", "json")) == [
        ("one", source, "[jobTitle]", "Trim([jobTitle])", "tenant")
    ]
    assert "replaced by" in here("schema", "history", path, "--only", "one").out

    edit_title(jobs[0], "mail")
    assert "changed in the tenant; apply reverts it" in here("plan", path, "--only", "one").out
    said = here("schema", "adopt", path, "--only", "one").err
    assert "1 change taken from one" in said
    text = file.read_text()
    assert "# as HR wants it\n      title: {attribute: mail}" in text
    assert changes(here("plan", path, "--output", "json")) == [("two", source, "Trim([jobTitle])", "[mail]", "file")]
    assert "already matches the job of one" in here("schema", "adopt", path, "--only", "one").err
    assert file.read_text() == text


def test_what_is_wrong_in_a_mappings_file_is_said_with_its_line(here, write_fleet, tmp_path):
    path = write_fleet(fleet(instance("one", mappings="m.yaml"), instance("two", mappings="m.yaml")))
    (tmp_path / "m.yaml").write_text(
        "object_mappings:\n"
        "  - source: User\n"
        "    target: x\n"
        "    scope: [department is Sales]\n"
        "    attributes:\n"
        "      title: {expression: 'Join(\"a\"'}\n"
        "      nick: {attribute: a, constant: b, whenn: c}\n"
    )
    assert here("plan", path, code=1).err.splitlines()[::2] == [
        f"{tmp_path}/m.yaml:4:13: object_mappings[0].scope[0]: is not a scoping filter: an operator is missing: "
        "is true, is false, is null, is not null, equals, not equals, regex match, not regex match, "
        "greater than or equals, greater than, includes, ends with, is member of (character 12)",
        f"{tmp_path}/m.yaml:6:15: object_mappings[0].attributes.title.expression: is not an expression: "
        "the parenthesis of Join is not closed (character 1)",
        f"{tmp_path}/m.yaml:7:41: object_mappings[0].attributes.nick.whenn: unknown field",
    ]


@pytest.mark.usefixtures("tenant")
def test_without_a_command_it_prints_the_json_schemas(here):
    assert json.loads(here("schema").out)["title"] == "Fleet file of entra-fleet"
    assert json.loads(here("schema", "--mappings").out)["title"] == "Mappings file of entra-fleet"


def test_what_is_not_there_is_said(here, run, write_fleet):
    path = write_fleet(fleet(instance("one")))
    assert "one has no provisioning job" in here("schema", "export", path, "--only", "one", code=1).err
    assert "has no instance" in here("schema", "export", path, "--only", "none", code=2).err
    assert "one has no mappings file" in here("schema", "adopt", path, "--only", "one", code=1).err
    run("apply", path, "--yes")
    assert "no schema version" in run("schema", "restore", path, "--only", "one", "--yes", code=1).err
    assert "no schema version" in here("schema", "history", path, "--only", "one").out
    assert "there is no terminal" in here("schema", "restore", path, "--only", "one", code=2).err

"""Mappings as code: from the file into the tenant, and what others edit meanwhile."""

import copy

import pytest

from flows.configuration.environment import environment
from flows.configuration.sign_in import open_client
from flows.mappings.table import build_table
from flows.plan.safety import PlanRefused
from flows.store import JobPlace, open_store
from graph_emulator.faults.rules import FaultRule
from graph_emulator.settings import SWITCHES
from tests.estates import TENANT, estate, fleet, instance
from tests.flows.provisioning import provision, tenant, token, writes
from tests.mappings.schemas import attribute, mappings, schema_of, users

__all__ = ["tenant", "token"]
pytestmark = pytest.mark.usefixtures("without_prefect")

NOT_TOLD = "number of users in scope before and after unknown."
TITLE = {"title": {"expression": 'Join(", ", [jobTitle], [department])', "when": "on create"}}


def wanted(attributes=TITLE, *keys, **fields):
    content = mappings(attributes, **fields).to_object()
    return fleet(*(instance(key, mappings=content) for key in keys or ("one",)))


async def job_of(state):
    """The service principal and the job of the only instance."""
    (each,) = (await state.aresult()).instances
    return each.service_principal_id, each.job_id


async def schema(job):
    async with open_client(None) as (graph, _):
        return await graph.synchronization_schemas.get(*job)


async def edit_in_portal(job, change):
    """Somebody saves other mappings in the portal."""
    async with open_client(None) as (graph, _):
        found = copy.deepcopy(await graph.synchronization_schemas.get(*job))
        change(found)
        await graph.synchronization_schemas.replace(*job, found)


def source_of(name):
    return lambda found: attribute(found, "title").update(
        source={"type": "Attribute", "name": name, "expression": f"[{name}]", "parameters": []}
    )


async def made(tenant, content=None):
    state, _ = await provision(content or wanted())
    assert state.is_completed()
    tenant.forget()
    return await job_of(state)


async def planned(content, **parameters):
    _, plan = await provision(content, dry_run=True, **parameters)
    return plan.instances[0]


def changes(plan):
    return [(each.field, each.before, each.after, each.origin) for each in plan.changes]


@pytest.mark.prefect
async def test_a_new_job_gets_its_mappings_before_it_starts(tenant):
    state, outcome = await provision(wanted())
    assert (state.is_completed(), outcome.summary["created"]) == (True, 1)
    names = writes(tenant)
    assert names.index("create_job") < names.index("put_secrets") < names.index("put_schema") < names.index("start_job")
    put = await schema(await job_of(state))
    source = attribute(put, "title")["source"]
    assert (source["type"], source["name"]) == ("Function", "Join")
    assert [each["key"] for each in source["parameters"]] == ["separator", "source", "source"]
    assert attribute(put, "title")["flowType"] == "ObjectAddOnly"


async def test_a_second_apply_writes_nothing(tenant):
    await made(tenant)
    state, outcome = await provision(wanted())
    assert (state.is_completed(), outcome.summary["unchanged"], writes(tenant)) == (True, 1, [])


@pytest.mark.parametrize("form", SWITCHES["schema_form"])
async def test_however_graph_shows_a_schema_it_is_put_once(tmp_path, form):
    with estate(tmp_path / "other", schema_form=form) as tenant:
        job = await made(tenant)
        await provision(wanted())
        assert writes(tenant) == []
        await provision(wanted({"title": {"attribute": "mail"}}, scope=["department equals Sales"]), force=True)
        assert writes(tenant) == ["put_schema"]
        tenant.forget()
        await provision(wanted({"title": {"attribute": "mail"}}, scope=["department equals Sales"]))
        assert writes(tenant) == []
        assert users(await schema(job))["scope"]["groups"]


async def test_one_file_serves_many_and_its_expressions_are_parsed_once(tenant):
    _, outcome = await provision(wanted(TITLE, "one", "two", "three"))
    assert outcome.summary["created"] == 3
    assert len(tenant.requests("put_schema")) == 3
    assert len(tenant.requests("parse_expression")) <= 3


async def test_a_file_that_says_what_the_template_does_is_not_put(tenant):
    same = fleet(instance("one", mappings=build_table(schema_of())[0].to_object()))
    _, outcome = await provision(same)
    assert (outcome.summary["created"], tenant.requests("put_schema")) == (1, [])
    _, outcome = await provision(same)
    assert (outcome.summary["unchanged"], tenant.requests("put_schema")) == (1, [])


async def test_the_plan_shows_each_field_and_what_a_write_sets_going(tenant):
    await made(tenant, fleet(instance("one")))
    plan = await planned(wanted())
    assert changes(plan) == [
        ("mappings.User.attributes.title.source", "[jobTitle]", 'Join(", ", [jobTitle], [department])', ""),
        ("mappings.User.attributes.title.when", "always", "on create", ""),
    ]
    assert plan.writes == 1
    assert plan.warnings[0].startswith("Saving the mappings starts an initial cycle over ")
    assert writes(tenant) == []


async def test_only_fleets_with_mappings_ask_for_schemas(tenant):
    await made(tenant, fleet(instance("one")))
    await planned(fleet(instance("one")))
    assert [each.operation for each in tenant.requests() if "schema" in each.path] == []


async def test_edits_are_told_apart_by_who_made_them(tenant):
    job = await made(tenant)
    field = "mappings.User.attributes.title.source"
    new = {"title": TITLE["title"] | {"expression": "Trim([jobTitle])"}}
    (ours,) = changes(await planned(wanted(new)))
    assert (ours[0], ours[3]) == (field, "file")
    await edit_in_portal(job, source_of("mail"))
    (theirs,) = changes(await planned(wanted()))
    assert (theirs[:2], theirs[3]) == ((field, "[mail]"), "tenant")
    (both,) = changes(await planned(wanted(new)))
    assert (both[1:3], both[3]) == (("[mail]", "Trim([jobTitle])"), "both")
    # What the file does not name is nobody's business.
    await edit_in_portal(job, lambda found: attribute(found, "displayName").update(defaultValue="?"))
    await provision(wanted(new))
    assert attribute(await schema(job), "displayName")["defaultValue"] == "?"


async def test_a_job_that_was_as_the_file_says_is_known_to_have_been(tenant):
    job = await made(tenant, fleet(instance("one")))
    same = wanted({"title": {"attribute": "jobTitle"}})
    await provision(same)
    await edit_in_portal(job, source_of("mail"))
    assert [each[3] for each in changes(await planned(same))] == ["tenant"]


async def test_a_line_that_is_taken_out_goes_back_to_the_template(tenant):
    job = await made(tenant, wanted(TITLE | {"nickName": {"attribute": "mail"}}))
    assert attribute(await schema(job), "nickName")
    state, _ = await provision(wanted({}), force=True)
    assert state.is_completed()
    found = await schema(job)
    assert (attribute(found, "nickName"), attribute(found, "title")["source"]["name"]) == (None, "jobTitle")


@pytest.mark.parametrize(
    "change", [source_of("mail"), lambda found: attribute(found, "displayName").update(defaultValue="?")]
)
async def test_an_edit_in_the_portal_between_plan_and_apply_is_refused(tenant, change):
    job = await made(tenant, fleet(instance("one")))
    _, plan = await provision(wanted(), dry_run=True)
    await edit_in_portal(job, change)
    tenant.forget()
    state, refusal = await provision(wanted(), plan_digest=plan.digest)
    assert (state.is_failed(), isinstance(refusal, PlanRefused), writes(tenant)) == (True, True, [])


async def test_an_edit_between_looking_and_writing_is_refused(tenant, monkeypatch):
    job = await made(tenant, fleet(instance("one")))
    from flows import provision as module

    plan_fleet = module.plan_fleet

    async def and_meanwhile(*arguments):
        plan = await plan_fleet(*arguments)
        await edit_in_portal(job, source_of("mail"))
        return plan

    monkeypatch.setattr(module, "plan_fleet", and_meanwhile)
    state, outcome = await provision(wanted())
    failure = outcome.instances[0].failure
    assert (state.is_failed(), failure.code, failure.step) == (True, "SchemaChanged", "save-schema")
    assert attribute(await schema(job), "title")["source"]["name"] == "mail"


async def test_what_the_job_cannot_do_is_a_conflict_of_this_instance_alone(tenant):
    await provision(fleet(instance("one"), instance("two")))
    bad = fleet(
        instance("one", mappings=mappings({"title": {"attribute": "jobtitel"}}).to_object()),
        instance("two", display_name="New"),
    )
    _, outcome = await provision(bad)
    failed = outcome.instances[0].failure
    assert (failed.code, outcome.summary) == ("MappingsInvalid", outcome.summary | {"failed": 1, "updated": 1})
    assert failed.message == (
        "instances[0].mappings.object_mappings[0].attributes.title.attribute: "
        "User of Azure Active Directory has no attribute 'jobtitel' (job of one)."
    )
    assert failed.hint == "Did you mean jobTitle?"


@pytest.mark.parametrize(
    ("fields", "danger"),
    [
        ({"attributes": {"userName": {"attribute": "mail", "matching": 1}}}, "matching attribute"),
        ({"scope": ["department equals Sales"]}, "scoping filter"),
        ({"unmapped": ["title"]}, "mapping removed"),
    ],
)
async def test_what_is_dangerous_needs_force_or_a_review(tenant, fields, danger):
    await made(tenant, fleet(instance("one")))
    content = wanted(**({"attributes": {}} | fields))
    _, plan = await provision(content, dry_run=True)
    assert {each.danger for each in plan.instances[0].changes} == {danger}
    state, refusal = await provision(content)
    assert (state.is_failed(), writes(tenant)) == (True, [])
    assert danger in str(refusal)
    state, _ = await provision(content, plan_digest=plan.digest)
    assert (state.is_completed(), writes(tenant)) == (True, ["put_schema"])


async def test_the_schema_before_each_write_is_in_the_store(tenant):
    job = await made(tenant)
    before = await schema(job)
    await provision(wanted({"title": {"attribute": "mail"}}), change="CHG7")
    with open_store(environment().store_url) as store:
        place = JobPlace(TENANT, *job)
        newest, first = store.schemas.history(place)
        assert store.schemas.content(place, newest.id) == before
        assert attribute(store.schemas.content(place, first.id), "title")["source"]["name"] == "jobTitle"
        assert (newest.ticket, newest.key, newest.reason) == ("CHG7", "one", "apply")


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fault", ["reset", 503])
async def test_a_write_whose_answer_is_lost_begins_one_initial_cycle(tmp_path, fault, after_commit):
    effect = {"effect": "reset"} if fault == "reset" else {"effect": "status", "status": fault, "retry_after": "0"}
    with estate(tmp_path / "faulty") as tenant:
        job = await made(tenant, fleet(instance("one")))
        tenant.emulator.controls.add_faults(
            [FaultRule(**effect, operation="put_schema", occurrence=1, after_commit=after_commit)]
        )
        state, _ = await provision(wanted())
        assert state.is_completed()
        assert len(tenant.requests("put_schema")) == (1 if after_commit else 2)
        assert attribute(await schema(job), "title")["flowType"] == "ObjectAddOnly"
        tenant.forget()
        await provision(wanted())
        assert writes(tenant) == []


async def test_an_expression_that_graph_cannot_read_is_not_saved(tenant):
    # Ours is content with it; Graph's knows that Left needs two texts and a number, and no operators.
    state, outcome = await provision(wanted({"title": {"expression": '[jobTitle] & "x"'}}))
    failure = outcome.instances[0].failure
    assert (failure.code, failure.step) == ("ExpressionRefused", "save-schema")
    assert "put_schema" not in writes(tenant)
    assert "start_job" not in writes(tenant)
    tenant.forget()
    state, outcome = await provision(wanted({"title": {"expression": "[jobTitle]"}}))
    assert (state.is_completed(), writes(tenant)) == (True, ["validate_job_credentials", "start_job"])


@pytest.mark.parametrize(
    ("settings", "scope", "said"),
    [
        ({}, "all", "about 48 users in scope now, 12 after."),
        ({}, "assigned", "number of users in scope before and after unknown."),
        (
            {"roles": ("Application.ReadWrite.OwnedBy",)},
            "all",
            "number of users in scope before and after unknown.",
        ),
    ],
    ids=["everybody", "assigned", "no permission"],
)
async def test_a_plan_estimates_whom_a_scoping_filter_selects(tmp_path, settings, scope, said):
    with estate(tmp_path / "tenant", **settings) as tenant:
        await made(tenant, fleet(instance("one", scope=scope)))
        content = mappings({}, scope=["department equals Sales"]).to_object()
        plan = await planned(fleet(instance("one", scope=scope, mappings=content)))
        assert plan.warnings[-1] == f"mappings.User.scope: {said}"
        assert len(tenant.requests("count_users")) == (0 if scope == "assigned" else 2)


async def test_a_target_without_a_source_is_mapped_once_and_one_mapped_twice_is_refused(tenant):
    job = await made(tenant, wanted({}))
    await edit_in_portal(job, lambda found: attribute(found, "title").update(source=None, defaultValue="none"))
    await provision(wanted(), force=True)
    tenant.forget()
    await provision(wanted())
    assert writes(tenant) == []
    assert [each["targetAttributeName"] for each in users(await schema(job))["attributeMappings"]].count("title") == 1
    twice = {"targetAttributeName": "Title", "source": None, "defaultValue": "none"}
    await edit_in_portal(job, lambda found: users(found)["attributeMappings"].append(twice))
    assert (await planned(wanted())).conflict.code == "MappingsInvalid"

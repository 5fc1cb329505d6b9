"""Fleet files for what exists already, and their plans."""

import json

import pytest

from flows.errors import StepFailed
from flows.fleet_file.loader import load_fleet
from flows.plan.adoption import build_adoption_file, choose_key, choose_variable_name
from flows.plan.diff import diff_fleet
from flows.tenant.observe import observe_fleet
from flows.tenant.unmanaged import find_unmanaged
from graph_emulator import Clock, Emulator, EmulatorSettings
from tests.estates import DATABRICKS, TENANT
from tests.tenant.crowds import STILL, graph_of, settle, wire_of


@pytest.fixture
def emulator():
    return Emulator(EmulatorSettings(**STILL), Clock.frozen())


async def written(emulator, path, template=DATABRICKS, tag=None, fleet="contoso"):
    """The fleet file for a template, loaded, and its plan."""
    async with await graph_of(emulator) as graph:
        made = build_adoption_file(fleet, TENANT, await find_unmanaged(graph, fleet, template, tag))
        path.write_text(made.text, encoding="utf-8")
        wanted = load_fleet(path)
        return made, wanted, diff_fleet(wanted, await observe_fleet(graph, wanted))


def application_of(emulator, principal_id):
    return emulator.tenant.directory.live["servicePrincipal"][principal_id].partner.id


def portal(emulator, display_name, named=DATABRICKS, **secrets):
    """An application as somebody made it by hand."""
    principal_id = settle(emulator, None, display_name, named)
    emulator.controls.edit_secrets(principal_id, {"BaseAddress": "https://target.example.net/scim", **secrets})
    return principal_id


def only_marks(plan):
    return all(
        str(each.action) == "adopt" and [change.field for change in each.changes] == ["mark"] for each in plan.instances
    )


async def test_everything_that_was_made_by_hand_is_said_and_planned_as_marks_only(emulator, tmp_path):
    notices = {"Enabled": True, "Recipients": "idops@contoso.com", "DeleteThresholdEnabled": True}
    notices |= {"DeleteThresholdValue": 17, "HumanResourcesLookaheadQueryEnabled": False}
    settings = {"SyncAll": "false", "SkipOutOfScopeDeletions": "True", "SyncNotificationSettings": json.dumps(notices)}
    principal_id = portal(emulator, "Databricks Prod (EU)", **settings)
    tenant, now = emulator.tenant, emulator.clock.now()
    principal = tenant.directory.live["servicePrincipal"][principal_id]
    (user, *_), (group, *_) = tenant.people.users.values(), tenant.people.groups.values()
    roles = {role["displayName"]: role["id"] for role in principal.value["appRoles"]}
    tenant.assignments.add(principal, user["id"], roles["User"], now)
    tenant.assignments.add(principal, group["id"], roles["User"], now)
    emulator.controls.edit(
        application_of(emulator, principal_id), {"notes": "by hand\nand: with care #1", "tags": ["HideApp"]}
    )
    paused = portal(emulator, "012345")
    emulator.controls.act_on_job(tenant.jobs.of(paused, now)[0].id, "pause")
    made, wanted, plan = await written(emulator, tmp_path / "fleet.yaml")
    assert only_marks(plan)
    assert (made.instances, made.left_out, plan.writes) == (2, (), 2)
    by_key = {each.key: each for each in wanted.instances}
    one = by_key["databricks-prod-eu"]
    assert (one.display_name, one.template, one.job) == ("Databricks Prod (EU)", DATABRICKS, "running")
    assert (one.scope, one.notification_email, one.delete_threshold) == ("assigned", "idops@contoso.com", 17)
    assert (one.skip_out_of_scope_deletions, one.notes) == (True, "by hand\nand: with care #1")
    assert one.synchronization_template == "dataBricks"
    assert one.credentials == {
        "BaseAddress": "https://target.example.net/scim",
        "SecretToken": "${env:DATABRICKS_PROD_EU_SECRET_TOKEN}",
    }
    assert {each.principal_id: (each.name, each.role) for each in one.assignments} == {
        user["id"]: (user["displayName"], "User"),
        group["id"]: (group["displayName"], "User"),
    }
    assert one.owners == (next(iter(tenant.people.users)),)
    assert one.adopt == application_of(emulator, principal_id)
    assert (by_key["012345"].job, by_key["012345"].credentials["SecretToken"]) == (
        "paused",
        "${env:_012345_SECRET_TOKEN}",
    )
    assert "SecretToken: ${env:_012345_SECRET_TOKEN} # to be filled in" in " ".join(made.text.split())


async def test_jobs_stay_as_they_are(emulator, tmp_path):
    tenant, now = emulator.tenant, emulator.clock.now()
    for name in ("Quarantined", "Held", "Never started", "Paused in quarantine"):
        principal_id = portal(emulator, name)
        (job,) = tenant.jobs.of(principal_id, now)
        if name == "Never started":
            emulator.controls.act_on_job(job.id, "delete")
            tenant.jobs.create(tenant.directory.live["servicePrincipal"][principal_id], job.template_id)
        else:
            emulator.controls.quarantine(
                job.id, "TooManyDeletes" if name == "Held" else "EncounteredQuarantineException"
            )
        if name == "Paused in quarantine":
            emulator.controls.act_on_job(job.id, "pause")
    _, wanted, plan = await written(emulator, tmp_path / "fleet.yaml")
    assert only_marks(plan)
    assert {each.key: each.job for each in wanted.instances} == {
        "quarantined": "running",
        "held": "running",
        "never-started": "paused",
        "paused-in-quarantine": "paused",
    }


async def test_a_sign_in_that_may_not_read_secrets_says_so(tmp_path):
    roles = ("Application.Read.All", "Synchronization.Read.All")
    emulator = Emulator(EmulatorSettings(**STILL, roles=roles), Clock.frozen())
    portal(emulator, "Databricks")
    made, wanted, plan = await written(emulator, tmp_path / "fleet.yaml")
    assert (dict(wanted.instances[0].credentials), only_marks(plan)) == ({}, True)
    assert "# Note: its credentials may not be read with this sign-in; add them here" in made.text


async def test_a_hundred_are_read_in_batches(emulator, tmp_path):
    for number in range(100):
        portal(emulator, f"Databricks {number}")
    async with await graph_of(emulator) as graph:
        before = len(wire_of(emulator))
        await find_unmanaged(graph, "contoso", DATABRICKS, None)
        # One list of templates, one of principals and one of marks; applications, and seven reads each, in twenties.
        assert len(wire_of(emulator)) - before <= 41
    _, wanted, plan = await written(emulator, tmp_path / "fleet.yaml")
    assert (len(wanted.instances), only_marks(plan), plan.writes) == (100, True, 100)


async def test_what_cannot_be_an_instance_is_left_out_with_the_reason(emulator, tmp_path):
    jobless = portal(emulator, "Databricks without a job")
    emulator.controls.act_on_job(emulator.tenant.jobs.of(jobless, emulator.clock.now())[0].id, "delete")
    portal(emulator, "Databricks Dev")
    double = portal(emulator, "DATABRICKS dev")
    long = portal(emulator, "Databricks " + "x" * 120)
    theirs = portal(emulator, "Theirs")
    emulator.controls.edit(application_of(emulator, theirs), {"tags": ["entra-fleet:theirs:one"]})
    made, wanted, plan = await written(emulator, tmp_path / "fleet.yaml")
    assert ([each.key for each in wanted.instances], only_marks(plan)) == (["databricks-dev"], True)
    ids = {name: application_of(emulator, each) for name, each in (("double", double), ("long", long))}
    assert sorted(made.left_out) == sorted(
        [
            f"Databricks without a job ({application_of(emulator, jobless)}): it has no provisioning job",
            f"Databricks Dev ({application_of_name(emulator, 'Databricks Dev')}): databricks-dev already has that"
            " display name; rename one of them, then adopt again",
            f"Databricks {'x' * 120} ({ids['long']}): its display_name is 131 characters long; at most 120 are allowed",
            f"Theirs ({application_of(emulator, theirs)}): it has the ownership tag entra-fleet:theirs:one",
        ]
    )
    for line in made.left_out:
        assert f"#   {line}\n" in made.text


def application_of_name(emulator, name):
    (found,) = [e for e in emulator.tenant.directory.live["application"].values() if e.value["displayName"] == name]
    return found.id


async def test_what_the_file_cannot_say_is_left_alone_and_remarked(emulator, tmp_path):
    off = json.dumps(
        {"Enabled": False, "Recipients": "a@b.net", "DeleteThresholdEnabled": False, "DeleteThresholdValue": 5}
    )
    principal_id = portal(emulator, "Odd", SyncNotificationSettings=off, Domain="${not a reference", CompanyId="{key}")
    emulator.controls.edit(application_of(emulator, principal_id), {"notes": "made for {key}"})
    made, wanted, plan = await written(emulator, tmp_path / "fleet.yaml")
    (one,) = wanted.instances
    assert only_marks(plan)
    assert (one.notification_email, one.delete_threshold, one.notes) == (None, None, None)
    assert one.credentials["Domain"] == "${env:ODD_DOMAIN}"
    assert one.credentials["CompanyId"] == "${env:ODD_COMPANY_ID}"
    for remark in (
        "# Note: its notification_email (a@b.net) is off, or cannot be expressed here; it stays unchanged",
        "# Note: its delete_threshold (5) is off, or cannot be expressed here; it stays unchanged",
        "# Note: its notes hold {key} or {display_name}, which a fleet file would fill in; they stay unchanged",
    ):
        assert remark in made.text


async def test_a_tag_finds_applications_of_several_templates(emulator, tmp_path):
    for name, named in (("One", DATABRICKS), ("Two", "Box"), ("Three", "Box")):
        emulator.controls.edit(
            application_of(emulator, portal(emulator, name, named)), {"tags": [f"team:{name.lower()}"]}
        )
    portal(emulator, "Untagged", "Box")
    _, wanted, plan = await written(emulator, tmp_path / "tagged.yaml", template=None, tag="team:")
    assert {each.key: each.template for each in wanted.instances} == {"one": DATABRICKS, "two": "Box", "three": "Box"}
    assert only_marks(plan)
    _, wanted, _ = await written(emulator, tmp_path / "both.yaml", template="Box", tag="team:t")
    assert [each.key for each in wanted.instances] == ["three", "two"]


async def test_what_the_fleet_has_already_keeps_its_key_and_needs_nothing(emulator, tmp_path):
    settle(emulator, "databricks", "Ours", DATABRICKS)
    portal(emulator, "Databricks")
    _, wanted, plan = await written(emulator, tmp_path / "fleet.yaml")
    assert {each.key: each.adopt is None for each in wanted.instances} == {"databricks": True, "databricks-2": False}
    assert {each.key: str(each.action) for each in plan.instances} == {"databricks": "none", "databricks-2": "adopt"}


async def test_a_template_that_does_not_exist_is_said(emulator, tmp_path):
    with pytest.raises(StepFailed, match="'Databrick'") as refused:
        await written(emulator, tmp_path / "fleet.yaml", template="Databrick")
    assert refused.value.code == "TemplateNotFound"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Databricks Prod (EU)", "databricks-prod-eu"),
        ("  Zoë's Büro / №1 ", "zoe-s-buro-no1"),
        ("東京", "app"),
        ("x" * 80, "x" * 63),
        ("taken", "taken-3"),
        ("y" * 62 + " z", "y" * 62),
    ],
)
def test_keys_read_like_names_and_are_never_taken(name, key):
    assert choose_key(name, {"taken", "taken-2"}) == key


def test_a_long_key_leaves_room_for_its_number():
    assert choose_key("x" * 63, {"x" * 63}) == "x" * 61 + "-2"


@pytest.mark.parametrize(
    ("key", "credential", "variable"),
    [
        ("prod-eu", "SecretToken", "PROD_EU_SECRET_TOKEN"),
        ("1st", "Oauth2ClientSecret", "_1ST_OAUTH2_CLIENT_SECRET"),
        ("a", "SyncAgentADContainer", "A_SYNC_AGENT_ADCONTAINER"),
    ],
)
def test_variables_have_names_that_every_shell_takes(key, credential, variable):
    assert choose_variable_name(key, credential) == variable


async def test_a_cross_tenant_job_is_adopted_with_its_target_if_no_other_has_it(emulator, tmp_path):
    fabrikam, tailspin = (f"3f2c0000-0000-4000-8000-00000000000{number}" for number in (1, 2))
    for name, target in {"Fabrikam": fabrikam, "Fabrikam again": fabrikam, "Tailspin": tailspin}.items():
        principal_id = settle(emulator, None, name, "Cross-Tenant Synchronization Preview")
        settings = {"CompanyId": target.upper(), "AuthenticationType": "SyncPolicy", "SyncAll": "false"}
        emulator.controls.edit_secrets(principal_id, settings)
    made, wanted, plan = await written(emulator, tmp_path / "fleet.yaml", "Cross-Tenant Synchronization Preview")
    assert [each.cross_tenant and each.cross_tenant.tenant_id for each in wanted.instances] == [None, None, tailspin]
    assert [each.credentials["CompanyId"] for each in wanted.instances] == [fabrikam, fabrikam, tailspin]
    assert made.left_out == ()
    assert only_marks(plan)

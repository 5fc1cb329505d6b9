"""A plan says what is true of each instance, and promises what the steps can do."""

import pytest

from flows.control_jobs import control_jobs
from flows.monitor import monitor_fleet
from flows.monitoring.health import RUNNING
from flows.retire import retire_instances
from flows.rotate import rotate_credentials
from flows.store import open_store
from graph_emulator.faults.rules import read_fault
from graph_emulator.settings import ALL_ROLES
from tests.estates import DATABRICKS, NON_GALLERY, fleet, instance
from tests.proof.world import world as a_world

KEYS = ("a", "b", "c")
NOBODY = "dead0000-0000-4000-8000-000000000001"
DEFAULT_ROLE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def tenant(world):
    world.reset()
    return world


def many(count):
    return fleet(*(instance(f"k{number}") for number in range(count)))


def writes(world):
    return [record.operation for record in world.requests(writes=True)]


@pytest.mark.parametrize("status", [401, 403, 500])
def test_one_that_graph_does_not_show_hides_no_other(tenant, status):
    wanted = fleet(*map(instance, KEYS))
    made = tenant.apply(wanted).instances
    tenant.emulator.controls.add_faults(
        [read_fault(f"/servicePrincipals/{made[1].service_principal_id}/sync*: {status}")]
    )
    tenant.forget()
    planned = tenant.plan(wanted)
    assert [each.health.state in RUNNING for each in planned.instances] == [True, False, True]
    assert planned.instances[1].health.state == "unknown"
    assert [str(each.action) for each in planned.instances] == ["none", "conflict", "none"]
    assert planned.as_json()["instances"][1]["health"]["error"]["code"] == planned.instances[1].conflict.code
    if status < 500:
        # Retries take so long that cycles end meanwhile, and of those a server of Prefect is told.
        seen = tenant.run(tenant.doing(monitor_fleet, wanted))
        assert [each.health.state == "unknown" for each in seen.readings] == [False, True, False]
        assert [each.is_healthy for each in seen.readings] == [True, False, True]
    outcome = tenant.run(tenant.doing(control_jobs, wanted, "pause"))
    assert [each.outcome for each in outcome.instances] == ["paused", "failed", "paused"]
    assert [each.outcome for each in tenant.apply(wanted).instances] == ["updated", "failed", "updated"]
    retired = tenant.run(tenant.doing(retire_instances, wanted, ["a", "b"]))
    assert [each.outcome for each in retired.instances] == ["retired", "failed"]


def test_what_could_not_be_read_is_kept_as_it_was(tenant):
    wanted = fleet(instance("a"))
    tenant.apply(wanted)
    tenant.run(tenant.doing(monitor_fleet, wanted))
    tenant.emulator.controls.add_faults([read_fault("list_jobs: 403")])
    (reading,) = tenant.run(tenant.doing(monitor_fleet, wanted)).readings
    tenant.emulator.controls.clear_faults()
    with open_store(f"sqlite:///{tenant.store}") as store:
        ((tenant_id, name),) = store.jobs.fleets()
        kept = [each.state for each in store.jobs.latest(tenant_id, name)]
    assert (reading.health.state, kept) == ("unknown", ["initial-cycle"])


@pytest.mark.parametrize(
    ("lacking", "fields"),
    [
        ("Synchronization.ReadWrite.All", {}),
        ("Application.ReadWrite.All", {}),
        ("AppRoleAssignment.ReadWrite.All", {"assignments": True}),
        ("Directory.Read.All", {"owners": True}),
    ],
)
def test_a_permission_that_the_token_lacks_stops_a_plan_before_its_first_write(tmp_path, lacking, fields):
    reading = {"Synchronization.Read.All", "Application.Read.All"}
    roles = tuple({*ALL_ROLES, *reading} - {lacking})
    with a_world(tmp_path, roles=roles) as tenant:
        user = tenant.emulator.controls.state()["users"][0]["id"]
        people = {"assignments": [{"user": user}], "owners": [user]}
        extra = {name: people[name] for name in fields}
        refusal = tenant.apply(fleet(*(instance(f"k{number}", **extra) for number in range(12))))
        assert (refusal.lacking, writes(tenant)) == ((lacking,), [])
        assert tenant.plan(many(1)).writes > 0
        if fields:
            # What nobody asks for is not needed.
            assert tenant.apply(many(1)).failed == 0


def test_a_token_that_holds_for_what_it_owns_only_stops_at_the_first_refusal(tmp_path):
    with a_world(tmp_path, roles=("Application.ReadWrite.OwnedBy",)) as tenant:
        tenant.emulator.controls.add_faults([read_fault("validate_credentials: 401")])
        outcome = tenant.apply(many(12), concurrency=1)
        assert (outcome.failed, len(tenant.requests("instantiate"))) == (12, 1)


def test_a_refusal_of_one_stops_no_other_where_the_token_shows_its_permissions(tenant):
    tenant.emulator.controls.add_faults([read_fault("validate_credentials#1: 403")])
    outcome = tenant.apply(many(3), concurrency=1)
    # On a new object it means "not yet", and was over at the second attempt.
    assert outcome.summary["created"] == 3


def test_a_renamed_gallery_application_is_a_warning_for_what_exists(tenant):
    tenant.apply(fleet(instance("a", DATABRICKS)))
    # What a fleet file says that was written when the gallery had another name for it.
    before = "Databricks as it was called"
    wanted = fleet(instance("a") | {"template": before, "credentials": instance("a", DATABRICKS)["credentials"]})
    there, new = tenant.plan(fleet(*wanted["instances"], instance("b", before))).instances
    assert (str(there.action), there.health.state in RUNNING, there.conflict) == ("none", True, None)
    assert any(DATABRICKS in each for each in there.warnings)
    assert (new.conflict.code, DATABRICKS in new.conflict.hint) == ("TemplateNotFound", True)
    (rotated,) = tenant.run(tenant.doing(rotate_credentials, wanted, ["a"])).instances
    assert rotated.outcome == "rotated"


def test_health_is_shown_beside_a_conflict(tenant):
    (made,) = tenant.apply(fleet(instance("a"))).instances
    (planned,) = tenant.plan(fleet(instance("a", DATABRICKS))).instances
    assert (planned.conflict.code, planned.health.state) == ("OtherTemplate", "initial-cycle")
    assert (planned.job_id, planned.as_json()["health"]["job_id"]) == (made.job_id, made.job_id)


def test_a_deleted_service_principal_is_said_as_it_is(tenant):
    wanted = fleet(instance("a", notes="first"), instance("b"))
    (made, _) = tenant.apply(wanted).instances
    tenant.emulator.controls.delete(made.service_principal_id)
    tenant.forget()
    planned = tenant.plan(fleet(instance("a", notes="second"), instance("b")))
    assert (planned.instances[0].conflict.code, planned.writes) == ("ServicePrincipalDeleted", 0)
    assert tenant.apply(wanted).instances[0].failure.code == "ServicePrincipalDeleted"
    assert writes(tenant) == []
    retired = tenant.run(tenant.doing(retire_instances, wanted, ["a"]))
    assert retired.instances[0].outcome == "retired"
    assert tenant.apply(wanted).failed == 0


def test_a_service_principal_that_is_gone_for_good_is_named_by_the_step(tenant):
    (made,) = tenant.apply(fleet(instance("a"))).instances
    tenant.emulator.controls.delete(made.service_principal_id, purge=True)
    (planned,) = tenant.plan(fleet(instance("a"))).instances
    assert len(planned.warnings) == 1
    assert tenant.apply(fleet(instance("a"))).instances[0].failure.code == "ServicePrincipalMissing"


@pytest.mark.parametrize("role", ["Default Access", DEFAULT_ROLE])
def test_the_default_role_of_an_application_without_roles(tenant, role):
    tenant.apply(fleet(instance("a")))
    (principal,) = tenant.emulator.controls.state()["servicePrincipals"]
    tenant.emulator.controls.edit(principal["id"], {"appRoles": []})
    user = tenant.emulator.controls.state()["users"][0]["id"]
    wanted = fleet(instance("a", assignments=[{"user": user, "role": role}]))
    tenant.forget()
    assert tenant.apply(wanted).failed == 0
    assert writes(tenant) == ["assign"]
    tenant.forget()
    assert tenant.plan(wanted).writes == 0


def test_a_role_that_an_application_does_not_have_is_refused_by_the_plan(tenant):
    tenant.apply(fleet(instance("a")))
    user = tenant.emulator.controls.state()["users"][0]["id"]
    (planned,) = tenant.plan(fleet(instance("a", assignments=[{"user": user, "role": DEFAULT_ROLE}]))).instances
    assert (planned.conflict.code, planned.health.state) == ("RoleNotFound", "initial-cycle")


def test_an_assignment_that_is_there_may_be_answered_as_a_conflict(tenant):
    user = tenant.emulator.controls.state()["users"][0]["id"]
    tenant.emulator.controls.add_faults(
        [read_fault("assign#1: commit, then 409"), read_fault("add_application_owner#1: commit, then 409")]
    )
    assert tenant.apply(fleet(instance("a", assignments=[{"user": user}], owners=[user]))).failed == 0
    tenant.emulator.controls.clear_faults()
    tenant.apply(fleet(instance("b")))
    # A conflict on an application that is minutes old may mean that it is not replicated yet.
    tenant.emulator.controls.advance(3600)
    tenant.emulator.controls.add_faults([read_fault("assign#1: 409")])
    refused = tenant.apply(fleet(instance("a"), instance("b", assignments=[{"user": user}]))).instances[1]
    assert refused.failure.step == "assign-principals"


@pytest.mark.parametrize("fields", ["group", "user", "owner"])
def test_who_is_not_there_is_found_before_anything_is_made(tenant, fields):
    user = tenant.emulator.controls.state()["users"][0]["id"]
    named = {"group": {"assignments": [{"group": user}]}, "user": {"assignments": [{"user": NOBODY}]}}
    wanted = fleet(instance("a", **named.get(fields, {"owners": [NOBODY]})))
    (planned,) = tenant.plan(wanted).instances
    assert planned.conflict.code == "PrincipalNotFound"
    assert tenant.apply(wanted).failed == 1
    assert (writes(tenant), tenant.applications()) == ([], {})
    tenant.apply(fleet(instance("a", NON_GALLERY)))
    assert (
        tenant.plan(fleet(instance("a", NON_GALLERY, **named.get(fields, {"owners": [NOBODY]}))))
        .instances[0]
        .conflict.code
        == "PrincipalNotFound"
    )

"""What audit records say about what the sweeps saw."""

from datetime import timedelta

from flows.monitoring.audit_trail import explain_episodes, explain_pauses, read_role_imports
from flows.store import Change, JobObservation, Run
from tests.store.audits import MAY, audit
from tests.store.events import TENANT

PAUSE = "Disable/pause provisioning configuration"


def seen(hours, state, **given):
    known = {"tenant_id": TENANT, "fleet": "contoso", "key": "box", "job_id": "box.1", "service_principal_id": "SP-1"}
    return JobObservation(**{**known, "observed_at": MAY + timedelta(hours=hours), "state": state, **given})


def harvested(store, *records):
    """The log from long before on, up to long after."""
    first = audit("first", MAY - timedelta(days=3), targetResources=[{"id": "elsewhere"}])
    store.audits.save(TENANT, [first, *records], watermark=MAY + timedelta(days=9))


def paused_at(hours, id_="paused"):
    return audit(id_, MAY + timedelta(hours=hours), activityDisplayName=PAUSE)


def test_a_pause_is_named_between_the_looks_whatever_else_they_saw(store):
    for each in (seen(0, "steady"), seen(1, "steady", counts={"users": 7}), seen(3, "paused"), seen(4, "paused")):
        store.jobs.record_all([each])
    assert explain_pauses(store, TENANT, "contoso") == {}
    harvested(store, paused_at(2))
    (found,) = explain_pauses(store, TENANT, "contoso").values()
    assert (found.actor, found.at, found.activity) == ("adele@contoso.example", MAY + timedelta(hours=2), PAUSE)


def test_one_before_the_last_look_at_the_running_job_explains_nothing(store):
    for each in (seen(0, "steady"), seen(1, "degraded"), seen(3, "paused")):
        store.jobs.record_all([each])
    harvested(store, paused_at(0.5))
    assert explain_pauses(store, TENANT, "contoso") == {}


def test_a_job_that_was_replaced_meanwhile_is_another(store):
    for each in (seen(0, "steady", job_id="box.0"), seen(3, "paused")):
        store.jobs.record_all([each])
    harvested(store, paused_at(2))
    assert explain_pauses(store, TENANT, "contoso") == {}


def test_a_write_of_ours_in_between_leaves_a_doubt(store):
    for each in (seen(0, "steady"), seen(3, "paused")):
        store.jobs.record_all([each])
    harvested(store, paused_at(2))
    run = Run(tenant_id=TENANT, fleet="contoso", command="jobs", started_at=MAY + timedelta(hours=1))
    change = Change(
        key="box",
        action="pause",
        outcome="paused",
        recorded_at=MAY + timedelta(hours=1, minutes=1),
        service_principal_id="sp-1",
    )
    store.journal.record(store.journal.begin(run), change)
    assert explain_pauses(store, TENANT, "contoso") == {}


def test_each_quarantine_is_explained_by_its_own_record(store):
    states = ((0, "steady"), (2, "quarantined"), (5, "steady"), (8, "quarantined"))
    for hours, state in states:
        ran = MAY + timedelta(hours=hours)
        store.jobs.record_all([seen(hours, state, last_success_at=ran if state == "steady" else None)])
    service = {"user": None, "app": None}
    held = {"activityDisplayName": "Quarantine", "result": "failure", "initiatedBy": service}
    harvested(store, *(audit(f"held {n}", MAY + timedelta(hours=n - 0.5), **held) for n in (2, 8)))
    episodes = [each for each in store.job_episodes.of_fleet(TENANT, "contoso", MAY) if each.kind == "quarantine"]
    found = explain_episodes(store, episodes)
    assert sorted((each.at, each.actor) for each in found.values()) == [
        (MAY + timedelta(hours=1.5), None),
        (MAY + timedelta(hours=7.5), None),
    ]


def test_role_imports_are_the_newest_of_the_applications_in_question(store):
    imports = [
        audit(str(n), MAY + timedelta(hours=n), activityDisplayName="Import", resultReason=f"Role {n} was imported")
        for n in range(60)
    ]
    other = audit("x", activityDisplayName="Import", resultReason="x", targetResources=[{"id": "sp-2"}])
    harvested(store, *imports, other)
    found = read_role_imports(store, {"SP-1"})
    assert [each.text for each in found[:2]] == ["Role 59 was imported", "Role 58 was imported"]
    assert len(found) == 50
    assert [each.service_principal_id for each in read_role_imports(store, {"sp-2"})] == ["sp-2"]

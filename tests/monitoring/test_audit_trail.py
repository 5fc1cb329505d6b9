"""What audit records say about what the sweeps saw."""

from dataclasses import replace
from datetime import timedelta

import pytest

from flows.monitoring.audit_trail import (
    explain_drift,
    explain_episodes,
    explain_job_states,
    explain_versions,
    read_role_imports,
)
from flows.store import Change, DriftedField, DriftLook, JobObservation, JobPlace, Run
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
    assert explain_job_states(store, TENANT, "contoso") == {}
    harvested(store, paused_at(2))
    (found,) = explain_job_states(store, TENANT, "contoso").values()
    assert (found.actor, found.at, found.activity) == ("adele@contoso.example", MAY + timedelta(hours=2), PAUSE)


def test_one_before_the_last_look_at_the_running_job_explains_nothing(store):
    for each in (seen(0, "steady"), seen(1, "degraded"), seen(3, "paused")):
        store.jobs.record_all([each])
    harvested(store, paused_at(0.5))
    assert explain_job_states(store, TENANT, "contoso") == {}


def test_a_job_that_was_replaced_meanwhile_is_another(store):
    for each in (seen(0, "steady", job_id="box.0"), seen(3, "paused")):
        store.jobs.record_all([each])
    harvested(store, paused_at(2))
    assert explain_job_states(store, TENANT, "contoso") == {}


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
    assert explain_job_states(store, TENANT, "contoso") == {}


def test_who_started_or_deleted_a_job_is_named_where_it_is_asked(store):
    looks = (seen(0, "paused"), seen(2, "initial-cycle"), seen(3, "steady"), seen(4, "degraded"))
    for each in looks:
        store.jobs.record_all([each])
    harvested(store, done("Enable/start provisioning configuration", 1))
    assert explain_job_states(store, TENANT, "contoso") == {}
    found = explain_job_states(store, TENANT, "contoso", {"box"})
    assert {key: each.at for key, each in found.items()} == {("box", "started", "box.1"): MAY + timedelta(hours=1)}
    store.jobs.record_all([seen(6, "missing", job_id=None)])
    harvested(store, done("Delete provisioning configuration", 5))
    found = explain_job_states(store, TENANT, "contoso", {"box"})
    assert {key: each.at for key, each in found.items()} == {("box", "deleted", None): MAY + timedelta(hours=5)}


def test_one_whose_quarantine_was_lifted_was_not_started(store):
    for each in (seen(0, "quarantined"), seen(2, "steady")):
        store.jobs.record_all([each])
    harvested(store, done("Enable/start provisioning configuration", 1))
    assert explain_job_states(store, TENANT, "contoso", {"box"}) == {}


def done(activity, hours, **given):
    return audit(f"{activity} {hours}", MAY + timedelta(hours=hours), activityDisplayName=activity, **given)


def looked(hours, fields, area="settings", **given):
    known = {"tenant_id": TENANT, "service_principal_id": "sp-1", "job_id": "box.1", "desired": "file"}
    found = {name: DriftedField(digest) for name, digest in fields.items()}
    return DriftLook(**{**known, "area": area, "looked_at": MAY + timedelta(hours=hours), "fields": found, **given})


SETTING, MAPPING = "Update provisioning setting or credentials", "Update attribute mappings or scope"


def test_each_field_that_differs_is_explained_by_the_record_of_its_kind(store):
    store.drift.record_all([looked(0, {}), looked(0, {}, "mappings")])
    store.drift.record_all([looked(2, {"credentials.BaseAddress": "a"}), looked(2, {"mappings.x": "b"}, "mappings")])
    assert explain_drift(store, TENANT) == {}
    harvested(store, done(SETTING, 0.5), done(MAPPING, 1))
    found = explain_drift(store, TENANT)
    assert {key[2:]: (each.actor, each.at, each.activity) for key, each in found.items()} == {
        ("credentials.BaseAddress", "a"): ("adele@contoso.example", MAY + timedelta(hours=0.5), SETTING),
        ("mappings.x", "b"): ("adele@contoso.example", MAY + timedelta(hours=1), MAPPING),
    }


def test_the_scope_is_explained_by_either_activity(store):
    for hours, fields in ((0, {}), (2, {"credentials.SyncAll": "a"})):
        store.drift.record_all([looked(hours, fields)])
    harvested(store, done(MAPPING, 1))
    assert [each.activity for each in explain_drift(store, TENANT).values()] == [MAPPING]


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param([(0, {"credentials.x": "a"}, {}), (2, {"credentials.x": "b"}, {})], id="it differed before"),
        pytest.param([(0, {}, {}), (2, {"credentials.x": "a"}, {"desired": "edited"})], id="the file was edited"),
        pytest.param([(0, {}, {"job_id": "box.0"}), (2, {"credentials.x": "a"}, {})], id="another job"),
        pytest.param([(0, {}, {}), (2, {"credentials.x": "a", "credentials.y": "b"}, {})], id="two values"),
        pytest.param([(0, {"credentials.y": "b"}, {}), (2, {"credentials.x": "a"}, {})], id="one came back"),
        pytest.param([(2, {"credentials.x": "a"}, {})], id="never seen otherwise"),
    ],
)
def test_a_field_of_which_it_is_not_known_how_it_came_to_differ_names_nobody(store, looks):
    for hours, fields, given in looks:
        store.drift.record_all([looked(hours, fields, **given)])
    harvested(store, done(SETTING, 1))
    assert explain_drift(store, TENANT) == {}


def test_later_looks_that_see_the_same_keep_the_name(store):
    for hours, fields in ((0, {}), (2, {"credentials.x": "a"}), (3, {"credentials.x": "a"}), (1, {})):
        store.drift.record_all([looked(hours, fields)])
    harvested(store, done(SETTING, 1))
    (kept,) = store.drift.of_tenant(TENANT)
    assert (kept.looked_at, kept.fields["credentials.x"].after) == (MAY + timedelta(hours=3), MAY)
    assert [each.at for each in explain_drift(store, TENANT).values()] == [MAY + timedelta(hours=1)]


OURS = {"user": None, "app": {"servicePrincipalId": "US", "displayName": "Fleet automation"}}


def versions_of(store, *, actor="us"):
    """Two versions of a schema: each replaced by a run of ours within a minute, ten hours apart."""
    place = JobPlace(TENANT, "sp-1", "box.1")
    for number, hours in enumerate((0, 10)):
        at = MAY + timedelta(hours=hours)
        run = Run(tenant_id=TENANT, fleet="contoso", command="apply", started_at=at, actor_object_id=actor)
        run_id = store.journal.begin(run)
        told = {"key": "box", "action": "update", "outcome": "updated", "service_principal_id": "sp-1"}
        store.journal.record(run_id, Change(**told, recorded_at=at + timedelta(minutes=1)))
        store.schemas.keep(place, {"id": number}, fleet="contoso", key="box", reason="apply", run_id=run_id)
    newest, first = store.schemas.history(place)
    moments = [replace(each, kept_at=MAY + timedelta(hours=at)) for each, at in ((newest, 10), (first, 0))]
    harvested(store, done(MAPPING, 0, initiatedBy=OURS), done(MAPPING, 10, initiatedBy=OURS))
    return place, moments


def test_a_version_is_replaced_by_the_name_of_the_run_and_edited_by_the_one_other_who_did(store):
    place, (newest, first) = versions_of(store)
    harvested(store, done(MAPPING, 5))
    found = explain_versions(store, place, [newest, first])
    assert {number: each.replaced_by for number, each in found.items()} == dict.fromkeys(found, "Fleet automation")
    edits = {number: each.edited_by and (each.edited_by.actor, each.edited_by.at) for number, each in found.items()}
    assert edits == {newest.id: ("adele@contoso.example", MAY + timedelta(hours=5)), first.id: None}
    assert explain_versions(store, place, []) == {}


@pytest.mark.parametrize(("records", "actor"), [((5, 6), "us"), ((), "us"), ((9.999,), "us"), ((5,), None)], ids=str)
def test_a_version_of_which_it_is_not_clear_who_edited_it_names_nobody(store, records, actor):
    place, versions = versions_of(store, actor=actor)
    harvested(store, *(done(MAPPING, each) for each in records))
    assert {each.edited_by for each in explain_versions(store, place, versions).values()} == {None}


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

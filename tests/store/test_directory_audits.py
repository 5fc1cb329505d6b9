"""Rows of audit records: who, what, and no key material."""

from datetime import timedelta

from sqlalchemy import select

from flows.store import Kind
from flows.store.directory_audits import without_credentials
from flows.store.tables import DIRECTORY_AUDIT
from tests.store.audits import MAY, audit
from tests.store.events import TENANT

JOB = "scim.7928d5b574424a97a02d66f9a9972ec0.5b1c0d9e-1111-4a7e-9b0c-6d2f6a1d7c22"


def row(store):
    with store._database.read() as connection:
        return connection.execute(select(DIRECTORY_AUDIT)).mappings().one()


def test_a_record_is_stored_once_and_as_it_was_read_last(store):
    assert store.audits.save(TENANT, [audit(result="success"), audit(result="success")]) == 1
    assert store.audits.save(TENANT, [audit(result="failure")]) == 0
    (found,) = store.audits.records(TENANT)
    assert (found.result, found.actor_type, found.actor_id, found.actor_name) == (
        "failure",
        "user",
        "user-1",
        "adele@contoso.example",
    )
    assert (found.service_principal_id, found.activity_at, found.job_id) == ("sp-1", MAY, None)


def test_a_service_is_no_actor_and_a_job_is_told_where_the_record_names_it(store):
    details = [{"key": "Details", "value": JOB}]
    store.audits.save(TENANT, [audit(initiatedBy={"user": None, "app": None}, additionalDetails=details)])
    (found,) = store.audits.records(TENANT)
    assert (found.actor_type, found.actor_id, found.job_id) == (None, None, JOB)


def test_values_of_credentials_are_not_stored(store):
    changed = [
        {"displayName": "Credential", "oldValue": None, "newValue": '"s3cret-key"'},
        {"displayName": "SyncAll", "oldValue": '"false"', "newValue": '"true"'},
    ]
    target = {"id": "SP-1", "displayName": "Keycloak", "modifiedProperties": changed}
    details = [{"key": "SecretToken", "value": "s3cret-too"}, {"key": "Details", "value": "kept"}]
    store.audits.save(TENANT, [audit(targetResources=[target], additionalDetails=details)])
    found = dict(row(store))
    assert "s3cret" not in str(found)
    assert found["service_principal_name"] == "Keycloak"
    assert found["raw"]["targetResources"][0]["modifiedProperties"][1]["newValue"] == '"true"'
    assert found["raw"]["additionalDetails"] == [
        {"key": "SecretToken", "value": None},
        {"key": "Details", "value": "kept"},
    ]


def test_what_is_no_credential_stays_as_it_came():
    raw = audit().raw
    assert without_credentials(raw) == raw


def test_a_span_of_time_and_an_application(store):
    later = MAY + timedelta(days=1)
    other = audit("3", targetResources=[{"id": "SP-2"}])
    store.audits.save(TENANT, [audit("1"), audit("2", at=later), other, audit("4", at=None)])
    assert [each.id for each in store.audits.records(since=MAY, until=later)] == ["1", "3"]
    assert [each.id for each in store.audits.records(service_principal_id="sp-1", since=later)] == ["2"]


def test_old_records_are_pruned_and_the_watermark_stays(store):
    old = MAY - timedelta(days=500)
    store.audits.save(TENANT, [audit("1"), audit("2", at=old), audit("3", at=None)], watermark=MAY)
    retention = store.older_than(MAY - timedelta(days=400))
    assert (retention.count(Kind.AUDITS), max(retention.prune(Kind.AUDITS))) == (1, 1)
    assert {each.id for each in store.audits.records()} == {"1", "3"}
    assert [each.watermark for each in store.audits.coverage()] == [MAY]

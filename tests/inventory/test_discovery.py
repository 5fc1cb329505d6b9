import shutil
from dataclasses import replace
from datetime import timedelta

import pytest

from flows.errors import StepFailed
from flows.store import Kind, open_store
from graph_client.models import ProvisioningEvent
from graph_emulator.faults.rules import FaultRule
from graph_emulator.settings import ALL_ROLES
from tests.inventory.looking import DAY, HOUR, READING, Killed, Tenant, shown


def methods_of(tenant):
    """What is in the request log of Graph: methods and operations, parts of a batch included."""
    graph = [record for record in tenant.emulator.requests if record.path.startswith("/v1.0/")]
    return {record.method if record.method == "GET" else record.path for record in graph}


@pytest.mark.parametrize("no_jobs", ["404", "empty"])
@pytest.mark.parametrize(
    ("principals", "applications", "signing", "most"),
    [(100, 60, 7, 6), (1_000, 600, 50, 52), pytest.param(10_000, 6_000, 492, 511, marks=pytest.mark.proof)],
)
async def test_a_first_look_finds_every_job_in_so_many_requests(
    open_tenant, principals, applications, signing, most, no_jobs
):
    tenant = open_tenant(principals, no_jobs=no_jobs)
    found = await tenant.look()
    assert shown(found) == tenant.truth()
    assert found.service_principals == principals
    assert (found.complete, found.unreadable, len(found.signing)) == (True, [], signing)
    # One batch asks for the first page and the deltaLink; a 404 in the first batch of jobs may be asked once more.
    pages, batches = -(-principals // 999), applications // 20 + -(-signing // 20)
    assert found.requests - pages - batches in ({0, 1} if no_jobs == "404" else {0})
    assert found.requests <= most
    assert methods_of(tenant) == {"GET", "/v1.0/$batch"}


async def test_it_says_how_far_it_has_come(open_tenant):
    tenant, told = open_tenant(100, page_size=40, no_jobs="empty"), []
    await tenant.look(on_progress=lambda *progress: told.append(progress))
    assert sum(done for what, done, _ in told if what == "service principals") == 100
    assert [each for each in told if each[0] == "jobs"] == [("jobs", 60, 60)]


async def test_what_secrets_tell_takes_one_more_request_for_twenty_of_those_with_jobs(open_tenant):
    tenant = open_tenant(1_000, roles=ALL_ROLES, no_jobs="empty")
    found = await tenant.look()
    assert found.requests == 2 + 30 + 3 + 3
    assert {row.principal.connection["notification_email"] for row in found.rows} == {None, "identity@contoso.example"}
    assert "estate~" not in repr(found)
    assert "the.estate" not in repr(found)


async def test_a_second_look_costs_what_has_changed(open_tenant):
    tenant = open_tenant(1_000, no_jobs="empty")
    first = await tenant.look()
    tenant.controls.advance(900.0)
    second = await tenant.look()
    # The changes, and the fifty that have jobs.
    assert second.requests == 1 + 3
    assert shown(second) == shown(first) == tenant.truth()
    plain = [each["id"] for each in tenant.controls.state()["servicePrincipals"]][:30]
    for each in plain:
        tenant.controls.edit(each, {"notes": "looked at"})
    tenant.controls.advance(900.0)
    with_jobs = {each[0] for each in tenant.truth()}
    changed = [each for each in plain if each not in with_jobs and tenant.type_of(each) == "Application"]
    # One more for the certificates of those that sign in by SAML.
    assert (await tenant.look()).requests == 1 + -(-(50 + len(changed)) // 20) + 1
    tenant.controls.advance(DAY)
    # Once a day everything again, with the fifty SAML applications.
    assert (await tenant.look()).requests == 2 + 30 + 3


async def test_a_newcomer_is_looked_at_again_for_a_day(open_tenant):
    tenant = open_tenant(100, no_jobs="empty")
    await tenant.look()
    tenant.controls.advance(HOUR)
    made = tenant.instantiate("Snowflake for Microsoft Entra ID", "New")
    await tenant.look()
    tenant.controls.advance(HOUR)
    # Nothing changed but that it has a job now, of which `delta` need not tell.
    job = tenant.emulator.tenant.jobs.create(made, "snowFlake")
    found = await tenant.look()
    assert job.id in {row.job.job_id for row in found.rows}
    assert shown(found) == tenant.truth()
    assert found.requests == 1 + 1


async def test_jobs_made_deleted_renamed_and_restored_between_looks_are_one_row_each(open_tenant):
    tenant = open_tenant(200)
    await tenant.look()
    tenant.controls.advance(2 * DAY)
    await tenant.look()
    began = {row.job.job_id: row.job for row in (await tenant.look()).rows}
    jobs = [row.job for row in (await tenant.look()).rows]
    gone, renamed, restored = jobs[0], jobs[-1], jobs[1]
    principals = {each["id"] for each in tenant.controls.state()["servicePrincipals"]}
    tenant.controls.advance(HOUR)
    at = tenant.now
    tenant.controls.act_on_job(gone.job_id, "delete")
    tenant.controls.edit(renamed.service_principal_id, {"displayName": "New name"})
    tenant.controls.delete(restored.service_principal_id)
    after = await tenant.look()
    assert shown(after) == tenant.truth() - {
        each for each in tenant.truth() if each[0] == restored.service_principal_id
    }
    rows = {row.job.job_id: row for row in after.rows}
    assert gone.job_id not in rows
    assert rows[renamed.job_id].principal.display_name == "New name"
    assert rows[renamed.job_id].job.changed_at == at
    assert rows[renamed.job_id].job.first_seen_at == began[renamed.job_id].first_seen_at
    everything, _ = tenant.rows(gone=True)
    times = {row.job_id: row.gone_at for row in everything if row.gone_at}
    assert times[gone.job_id] == times[restored.job_id] == at
    # Back from the recycle bin, and an application that nobody knew.
    tenant.controls.advance(HOUR)
    directory = tenant.emulator.tenant.directory
    directory.restore(directory.deleted[restored.service_principal_id])
    last = await tenant.look()
    assert shown(last) == tenant.truth()
    back = next(row.job for row in last.rows if row.job.job_id == restored.job_id)
    assert (back.gone_at, back.first_seen_at, back.changed_at) == (
        None,
        began[restored.job_id].first_seen_at,
        tenant.now,
    )
    assert len(principals) == 200


async def test_a_job_that_one_replica_does_not_know_is_not_gone(open_tenant):
    tenant = open_tenant(200)
    known = shown(await tenant.look())
    tenant.controls.advance(HOUR)
    tenant.controls.add_faults([FaultRule("status", operation="list_jobs", occurrence=2, status=404)])
    assert shown(await tenant.look()) == known == tenant.truth()


async def test_a_job_that_moves_to_another_template_is_a_new_one(open_tenant):
    tenant = open_tenant(200)
    old = next(
        row.job for row in (await tenant.look()).rows if row.job.synchronization_template_id.startswith("custom")
    )
    tenant.controls.advance(HOUR)
    principal = tenant.emulator.tenant.directory.live["servicePrincipal"][old.service_principal_id]
    tenant.controls.act_on_job(old.job_id, "delete")
    tenant.emulator.tenant.jobs.create(principal, "scim")
    after = await tenant.look()
    assert shown(after) == tenant.truth()
    new = next(row.job for row in after.rows if row.job.service_principal_id == old.service_principal_id)
    assert (new.synchronization_template_id, new.first_seen_at) == ("scim", tenant.now)


@pytest.mark.parametrize("way", ["410", "400"])
async def test_a_link_that_has_expired_leads_to_a_full_look(open_tenant, way):
    tenant = open_tenant(100, delta_expired=way)
    await tenant.look()
    tenant.controls.advance(8 * DAY)
    found = await tenant.look(full_every_hours=1_000)
    assert shown(found) == tenant.truth()
    assert len([call for call in tenant.calls if "delta" in call.path]) == 1
    assert found.requests in {1 + 1 + 3, 1 + 1 + 3 + 1}


async def test_a_link_to_where_graph_no_longer_is_is_not_followed(open_tenant):
    tenant = open_tenant(100, no_jobs="empty")
    await tenant.look()
    with open_store(tenant.url) as store:
        look = store.inventory.look(tenant.id)
        store.inventory.save_page(
            replace(look, delta_link="https://elsewhere.example/v1.0/servicePrincipals/delta"), []
        )
    found = await tenant.look()
    assert shown(found) == tenant.truth()
    assert found.requests == 1 + 3 + 1


@pytest.mark.long  # some of these moments are below, on each database
@pytest.mark.parametrize("roles", [READING, ALL_ROLES], ids=["reading", "all"])
async def test_killed_after_any_request_and_run_again_it_comes_to_the_same_rows(open_tenant, tmp_path, roles):
    tenant = open_tenant(200, roles=roles, page_size=60)
    empty = tmp_path / "empty.db"
    open_store(f"sqlite:///{empty}").close()
    whole, first = await _looked(tenant, empty, tmp_path / "whole.db")
    assert first == 1 + 3 + 6 + 1 + 1 + (roles == ALL_ROLES)
    for number in range(first):
        rows, _ = await _looked(tenant, empty, tmp_path / f"{number}.db", kill_after=number)
        assert rows == whole, number
    # And so does a look at what has changed.
    for each in [job for _, job, _ in sorted(tenant.truth())][:3]:
        tenant.controls.act_on_job(each, "delete")
    tenant.controls.delete(min(tenant.truth())[0])
    tenant.controls.advance(HOUR)
    whole, second = await _looked(tenant, tmp_path / "whole.db", tmp_path / "again.db")
    for number in range(second):
        rows, _ = await _looked(tenant, tmp_path / "whole.db", tmp_path / f"again-{number}.db", kill_after=number)
        assert rows == whole, number


async def test_each_database_holds_the_same_of_looks_that_are_killed_and_of_what_is_gone(store_url):
    tenant = Tenant(store_url, estate=120, roles=ALL_ROLES, page_size=50, no_jobs="empty")
    with pytest.raises(Killed):
        await tenant.look(kill_after=3)
    assert shown(await tenant.look()) == tenant.truth()
    tenant.controls.advance(HOUR)
    gone, deleted = min(tenant.truth()), max(tenant.truth())
    tenant.controls.act_on_job(gone[1], "delete")
    tenant.controls.delete(deleted[0])
    assert shown(await tenant.look()) == {each for each in tenant.truth() if each[0] != deleted[0]}
    jobs, _ = tenant.rows(gone=True)
    assert {each.job_id for each in jobs if each.gone_at == tenant.now} >= {gone[1], deleted[1]}
    with open_store(store_url) as store:
        assert sum(store.older_than(tenant.now + timedelta(days=1)).prune(Kind.JOBS)) > 0
    assert {each.job_id for each in tenant.rows(gone=True)[0]} == {each[1] for each in tenant.truth()} - {deleted[1]}


async def _looked(tenant, before, path, kill_after=None):
    """The rows after a look at a tenant with a copy of a store, and how many requests it took."""
    shutil.copyfile(before, path)
    path.chmod(0o600)
    url = f"sqlite:///{path}"
    if kill_after is not None:
        with pytest.raises(Killed):
            await tenant.look(url=url, kill_after=kill_after)
    assert (await tenant.look(url=url)).complete
    return tenant.rows(url, gone=True), len(tenant.calls)


async def test_a_look_that_was_killed_reads_no_page_twice(open_tenant):
    tenant = open_tenant(1_000, page_size=100, no_jobs="empty")
    with pytest.raises(Killed):
        await tenant.look(kill_after=10 + 20)
    found = await tenant.look()
    assert shown(found) == tenant.truth()
    # Twenty batches are one part: these were kept, like the ten pages.
    assert found.requests == 10 + 3


@pytest.mark.parametrize(("status", "code"), [(403, "Authorization_RequestDenied"), (500, "InternalServerError")])
async def test_one_that_cannot_be_read_is_named_and_hides_no_other(open_tenant, status, code):
    tenant = open_tenant(100, no_jobs="empty")
    hidden = next(iter(tenant.controls.state()["jobs"]))
    tenant.controls.add_faults([_fault(hidden, status, code)])
    found = await tenant.look()
    assert shown(found) == {each for each in tenant.truth() if each[0] != hidden}
    assert [(each.service_principal_id, each.error_code) for each in found.unreadable] == [(hidden, code)]
    tenant.controls.clear_faults()
    tenant.controls.advance(900.0)
    healed = await tenant.look()
    assert (shown(healed), healed.unreadable) == (tenant.truth(), [])


async def test_a_throttled_part_of_a_batch_is_asked_again_by_itself(open_tenant):
    tenant = open_tenant(100, no_jobs="empty")
    throttled = next(iter(tenant.controls.state()["jobs"]))
    tenant.controls.add_faults([_fault(throttled, 429, "TooManyRequests", count=1)])
    found = await tenant.look()
    assert shown(found) == tenant.truth()
    assert found.requests == 1 + 3 + 1 + 1


async def test_what_could_not_be_read_is_as_it_was(open_tenant):
    tenant = open_tenant(100)
    before = await tenant.look()
    hidden = next(iter(tenant.controls.state()["jobs"]))
    tenant.controls.advance(900.0)
    tenant.controls.add_faults([_fault(hidden, 403, "Authorization_RequestDenied")])
    after = await tenant.look()
    assert shown(after) == shown(before)
    assert [each.service_principal_id for each in after.unreadable] == [hidden]


@pytest.mark.parametrize("roles", [("Application.Read.All",), ("Synchronization.Read.All",)])
async def test_without_the_permission_it_says_what_to_grant_and_asks_nothing(open_tenant, roles):
    tenant = open_tenant(100, roles=roles)
    with pytest.raises(StepFailed) as failed:
        await tenant.look()
    assert failed.value.code == "PermissionsMissing"
    (lacking,) = set(READING) - set(roles)
    assert lacking in failed.value.message
    assert tenant.calls == []


async def test_a_token_that_does_not_show_its_permissions_is_refused_by_graph_and_says_what_to_grant(open_tenant):
    tenant = open_tenant(100)
    tenant.controls.add_faults([FaultRule("status", operation="list_jobs", status=401, code="UnknownError")])
    with pytest.raises(StepFailed) as failed:
        await tenant.look()
    assert failed.value.code == "PermissionsMissing"
    tenant.controls.clear_faults()
    await tenant.look()
    # Later a few that are refused are those few.
    tenant.controls.advance(HOUR)
    tenant.controls.add_faults([FaultRule("status", operation="list_jobs", status=401, code="UnknownError")])
    found = await tenant.look()
    assert {each.service_principal_id for each in found.unreadable} == {each[0] for each in tenant.truth()}


async def test_a_job_that_only_the_provisioning_log_names_is_found(open_tenant):
    tenant = open_tenant(200)
    await tenant.look()
    tenant.controls.advance(2 * DAY)
    await tenant.look()
    with_jobs = {principal for principal, _, _ in tenant.truth()}
    directory = tenant.emulator.tenant.directory
    entry = next(
        each
        for each in directory.live["servicePrincipal"].values()
        if each.id not in with_jobs and each.value["servicePrincipalType"] == "Application"
    )
    entry.template = tenant.emulator.tenant.gallery["fc7dc430-462f-4b1f-92ea-b7083b503650"]
    job = tenant.emulator.tenant.jobs.create(entry, "snowFlake")
    tenant.controls.advance(HOUR)
    assert job.id not in {row.job.job_id for row in (await tenant.look()).rows}
    with open_store(tenant.url) as store:
        store.harvests.save(tenant.id, [_event(entry.id, job.id, tenant.now)])
    tenant.controls.advance(HOUR)
    assert shown(await tenant.look()) == tenant.truth()


def _fault(principal, status, code, count=None):
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    return FaultRule("status", operation="list_jobs", path=path, status=status, code=code, times=count)


def _event(principal, job, at):
    about = {"activityDateTime": at.isoformat(), "jobId": job, "servicePrincipal": {"id": principal}}
    return ProvisioningEvent.parse({"id": "event", **about})

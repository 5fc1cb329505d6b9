"""Credentials are tried before anything starts, saved whole, and never lost."""

import pytest

from flows.configuration.environment import add_prefect_variables, environment
from flows.store import open_store
from graph_emulator.faults.rules import FaultRule
from tests.estates import fleet, instance
from tests.flows.provisioning import provision, tenant, token, writes

pytestmark = pytest.mark.usefixtures("without_prefect")

__all__ = ["tenant", "token"]


def journaled():
    """How the runs ended, as the journal has it."""
    with open_store(environment().store_url) as store:
        return [run.outcome for run in store.journal.runs()]


@pytest.mark.prefect
async def test_a_rejected_credential_stops_that_instance_and_no_other(tenant):
    bad = instance("bad", credentials={"SecretToken": "${env:BAD}"})
    with add_prefect_variables({"BAD": "a wrong token"}):
        state, outcome = await provision(fleet(instance("a"), bad, instance("z")))
    assert state.name == "PartiallyCompleted"
    assert [each.outcome for each in outcome.instances] == ["created", "failed", "created"]
    failure = outcome.instances[1].failure
    assert (failure.step, failure.code) == (
        "validate-credentials",
        "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable",
    )
    assert "Unauthorized (401): the access token is invalid or has been revoked" in failure.message
    assert failure.hint
    assert failure.request_id
    assert outcome.instances[1].service_principal_id not in tenant.jobs()
    assert "a wrong token" not in str(failure)
    assert journaled() == ["partial"]


async def test_a_corrected_credential_is_finished_by_the_next_apply(tenant):
    wanted = fleet(instance("one"))
    with add_prefect_variables({"TOKEN": "a wrong token"}):
        await provision(wanted)
    state, outcome = await provision(wanted)
    assert (state.name, outcome.instances[0].outcome) == ("Completed", "updated")
    assert len(tenant.applications()) == 1


async def test_if_all_fail_the_run_fails(tenant):
    with add_prefect_variables({"TOKEN": "a wrong token"}):
        state, _ = await provision(fleet(instance("one")))
    assert (state.name, state.message) == ("Failed", "1 failed")
    assert journaled() == ["failed"]
    assert len(tenant.applications()) == 1


async def test_a_reference_that_leads_nowhere_stops_the_instance_before_anything_is_made(tenant):
    missing = instance("one", credentials={"SecretToken": "${env:NOT_SET}"})
    _, outcome = await provision(fleet(missing, instance("two")))
    failure = outcome.instances[0].failure
    assert failure.code == "ReferenceUnresolved"
    assert failure.message.startswith("one: credentials.SecretToken: ${env:NOT_SET}: ")
    assert "NOT_SET" in failure.hint
    assert list(tenant.applications()) == ["entra-fleet:contoso:two"]


async def test_an_application_without_credentials_is_not_started(tenant):
    _, outcome = await provision(fleet(instance("one", credentials={}, scope="assigned")))
    failure = outcome.instances[0].failure
    assert failure.step == "validate-saved-credentials"
    assert failure.message.startswith(
        "The fleet file names no credentials for one, and those in the tenant do not work"
    )
    assert tenant.requests("start_job") == []


async def test_an_application_authorized_elsewhere_is_started_with_what_is_saved(tenant):
    await provision(fleet(instance("one", job="unmanaged")))
    tenant.forget()
    _, outcome = await provision(fleet(instance("one", credentials={})))
    assert outcome.summary["updated"] == 1
    assert [record.operation for record in tenant.requests(writes=True)] == ["validate_job_credentials", "start_job"]


async def test_a_masked_credential_that_the_file_does_not_name_is_not_erased(tenant):
    both = {"SecretToken": "${env:TOKEN}", "Password": "${env:TOKEN}"}
    await provision(fleet(instance("one", credentials=both)))
    tenant.forget()
    _, outcome = await provision(fleet(instance("one")), save_credentials=True)
    failure = outcome.instances[0].failure
    assert (failure.step, failure.code) == ("save-credentials", "CredentialWouldBeLost")
    assert "Password" in failure.message
    assert tenant.requests("put_secrets") == []


async def test_what_the_tenant_holds_in_the_clear_is_kept(tenant):
    await provision(fleet(instance("one", credentials={"SecretToken": "${env:TOKEN}", "Domain": "contoso"})))
    tenant.forget()
    await provision(fleet(instance("one", delete_threshold=9)), save_credentials=True)
    (saved,) = tenant.requests("put_secrets")
    values = {pair["key"]: pair["value"] for pair in saved.body["value"]}
    assert (values["Domain"], values["SyncAll"]) == ("contoso", "true")
    assert '"DeleteThresholdValue":9' in values["SyncNotificationSettings"]


async def test_credentials_that_the_cloud_cannot_keep_stop_the_instance_before_anything_is_made(tenant):
    wanted = fleet(instance("one", notification_email="idops@contoso.com"))
    with add_prefect_variables({"ENTRA_FLEET_CLOUD": "usgov", "TOKEN": "x" * 1024}):
        _, outcome = await provision(wanted)
        (one,) = outcome.instances
        assert (one.failure.step, one.failure.code) == ("check-references", "CredentialsTooLarge")
        assert "1,041" in one.failure.message
        assert "1,024" in one.failure.message
        assert writes(tenant) == []
    with add_prefect_variables({"ENTRA_FLEET_CLOUD": "usgov", "TOKEN": "x" * 1007}):
        _, outcome = await provision(wanted)
        assert outcome.failed == 0


async def test_elsewhere_the_size_only_explains_that_saving_was_refused(tenant):
    with add_prefect_variables({"TOKEN": "x" * 2_000}):
        assert (await provision(fleet(instance("one"))))[1].failed == 0
        tenant.emulator.controls.add_faults([FaultRule("status", operation="put_secrets", status=400)])
        _, outcome = await provision(fleet(instance("two")))
    (two,) = [each for each in outcome.instances if each.key == "two"]
    assert two.failure.step == "save-credentials"
    assert "1,024" in two.failure.hint

"""Signing certificates are rotated in guarded stages: added once, handed over, activated, removed when expired."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client import generate_latest

from flows.configuration import sign_in
from flows.configuration.environment import add_prefect_variables
from flows.errors import StepFailed
from flows.monitor import monitor_fleet
from flows.monitoring.metrics import build_registry
from flows.report.content import build_report
from flows.steps.idempotency import use_wait_limits
from flows.store import open_store
from graph_emulator.faults.rules import read_fault
from tests.estates import AWS, HASTY, fleet, instance
from tests.proof.sign_on import SignOn
from tests.proof.world import world as a_world

DAY = 86_400.0
KEYS = ("a", "b", "c")
FLEET = fleet(*(instance(key, AWS) for key in KEYS))
WRITES = {"add_token_signing_certificate", "patch_service_principal"}


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    with (
        a_world(tmp_path_factory.mktemp("world"), key_credentials_lag_seconds=3.0, change_lag_seconds=0.5) as made,
        use_wait_limits(replace(HASTY, lookup_seconds=6.0, steady_seconds=6.0)),
    ):
        yield made


@pytest.fixture
def saml(estate):
    estate.reset()
    return SignOn(estate, FLEET)


def test_the_first_certificate_is_added_and_activated_only_when_acknowledged(saml):
    outcome = saml.rotate("renew")
    assert outcome.summary == {"staged": 3, "activated": 0, "cleaned": 0, "held": 0, "unchanged": 0, "failed": 0}
    assert saml.writes() == ["add_token_signing_certificate"] * 3
    staged = {each.key: each.staged_certificate.thumbprint for each in outcome.instances}
    with pytest.raises(StepFailed) as refused:
        saml.rotate("activate")
    assert (refused.value.code, saml.active("a")) == ("NotAcknowledged", None)
    assert saml.rotate("activate", acknowledged=True).summary["activated"] == 3
    assert {key: saml.active(key) for key in KEYS} == staged
    saml.world.forget()
    assert saml.rotate(acknowledged=True).summary["unchanged"] == 3
    assert saml.writes() == []


def test_the_next_certificate_is_staged_sixty_days_ahead_and_once(saml):
    saml.begin()
    before = saml.active("a")
    saml.world.emulator.controls.advance((3 * 365 - 75) * DAY)
    assert saml.rotate("renew").summary["unchanged"] == 3
    saml.world.emulator.controls.advance(30 * DAY)
    outcome = saml.rotate()
    assert (outcome.summary["staged"], saml.active("a")) == (3, before)
    assert saml.writes() == ["add_token_signing_certificate"] * 3
    # Right after it, replicas still show the state before.
    assert saml.rotate().summary == {**outcome.summary, "staged": 0, "unchanged": 3}
    assert [len(saml.subjects(key)) for key in KEYS] == [2, 2, 2]


LOSSES = ["503", "reset", "404", "504", "truncate", "commit, then 503", "commit, then reset", "commit, then 404"]


@pytest.mark.parametrize("fault", LOSSES)
@pytest.mark.parametrize("first", [True, False], ids=["first", "next"])
def test_a_lost_answer_leaves_one_certificate(saml, fault, first):
    if not first:
        saml.begin("a")
        saml.world.emulator.controls.advance((3 * 365 - 30) * DAY)
    saml.world.emulator.controls.add_faults([read_fault(f"add_token_signing_certificate#1: {fault}")])
    outcome = saml.rotate("renew", only=["a"])
    assert (outcome.summary["staged"], len(saml.subjects("a"))) == (1, 1 if first else 2), outcome.instances[0].failure
    saml.world.forget()
    saml.rotate("renew", only=["a"])
    assert saml.writes() == []


def test_what_another_store_knows_nothing_of_is_found_in_the_tenant(saml):
    saml.begin("a")
    saml.world.emulator.controls.advance((3 * 365 - 30) * DAY)
    saml.rotate("renew", only=["a"])
    saml.rotate("renew", only=["a"], store=f"sqlite:///{saml.world.new_store()}")
    assert len(saml.subjects("a")) == 2


def test_expired_certificates_are_removed_and_no_other(saml):
    saml.begin()
    first = saml.subjects("a")
    saml.world.emulator.controls.advance((3 * 365 - 30) * DAY)
    saml.rotate("renew")
    saml.rotate("activate", acknowledged=True)
    saml.world.emulator.controls.advance(35 * DAY)
    assert saml.rotate("clean").summary["unchanged"] == 3
    saml.world.emulator.controls.advance(30 * DAY)
    # Somebody adds one a moment ago: a replica that lags must not lose it.
    added = saml.rotate("renew", only=["a"], force=True)
    assert added.summary["staged"] == 1
    saml.world.forget()
    assert saml.rotate("clean").summary["cleaned"] == 3
    assert saml.writes() == ["patch_service_principal"] * 3
    assert [len(saml.subjects(key)) for key in KEYS] == [2, 1, 1]
    assert first[0] not in saml.subjects("a")
    saml.world.forget()
    saml.rotate("clean")
    assert saml.writes() == []


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0, 2.0, 2.9])
def test_a_certificate_that_somebody_has_just_added_survives_the_cleaning(saml, seconds):
    saml.begin("a")
    saml.world.emulator.controls.advance((3 * 365 - 30) * DAY)
    saml.rotate("renew", only=["a"])
    saml.rotate("activate", only=["a"], acknowledged=True)
    saml.world.emulator.controls.advance(90 * DAY)
    request = f"/v1.0/servicePrincipals/{saml.principals['a']}/addTokenSigningCertificate"
    saml.world.run(add_by_hand(saml.world, request))
    saml.world.emulator.controls.advance(seconds)
    assert saml.rotate("clean", only=["a"]).summary["cleaned"] == 1
    assert sorted(name.split()[0] for name in saml.subjects("a")) == ["CN=a", "CN=portal"]


async def add_by_hand(world, path):
    async with sign_in.open_client(None) as (graph, _):
        ends = datetime.fromtimestamp(world.emulator.clock.now() + 300 * DAY, UTC)
        await graph.signing_certificates.add(path.split("/")[3], display_name="CN=portal", end_date_time=ends)


def test_a_failure_in_a_wave_holds_those_after_it(saml):
    saml.rotate("renew")
    saml.world.emulator.controls.add_faults([read_fault("patch_service_principal: 400")])
    outcome = saml.rotate("activate", acknowledged=True)
    assert {each.key: each.outcome for each in outcome.instances} == {"a": "failed", "b": "held", "c": "held"}
    saml.world.emulator.controls.clear_faults()
    assert saml.rotate("activate", acknowledged=True).summary["activated"] == 3


HOOK = """#!/bin/sh
echo "$ENTRA_FLEET_HOOK_KEY $ENTRA_FLEET_HOOK_THUMBPRINT $AZURE_CLIENT_SECRET" >> {log}
[ "$ENTRA_FLEET_HOOK_KEY" != b ] || {{ echo "no such provider"; exit 3; }}
"""


def test_a_hook_that_fails_leaves_the_certificate_staged(saml, tmp_path):
    hook, log = tmp_path / "hook", tmp_path / "log"
    hook.write_text(HOOK.format(log=log))
    hook.chmod(0o755)
    with add_prefect_variables({"ENTRA_FLEET_CERTIFICATE_HOOK": str(hook)}):
        outcome = saml.rotate()
    by_key = {each.key: each for each in outcome.instances}
    assert {key: each.outcome for key, each in by_key.items()} == {"a": "activated", "b": "failed", "c": "held"}
    assert (by_key["b"].failure.code, by_key["b"].failure.step) == ("HookFailed", "run-hook")
    assert "no such provider" in by_key["b"].failure.message
    assert (saml.active("b"), saml.active("c")) == (None, None)
    # It is told the thumbprint, and nothing that signs in to the tenant.
    assert log.read_text().splitlines()[0] == f"a {saml.active('a')} "


def test_what_entra_has_switched_to_is_handed_over_once(saml, tmp_path):
    saml.begin("a", "b")
    saml.world.emulator.controls.advance((3 * 365 - 30) * DAY)
    saml.rotate("renew", only=["a"])
    saml.world.emulator.controls.advance(40 * DAY)
    saml.world.forget()
    hook, log = tmp_path / "hook", tmp_path / "log"
    hook.write_text(f'#!/bin/sh\necho "$ENTRA_FLEET_HOOK_KEY $ENTRA_FLEET_HOOK_THUMBPRINT" >> {log}\n')
    hook.chmod(0o755)
    with add_prefect_variables({"ENTRA_FLEET_CERTIFICATE_HOOK": str(hook)}):
        outcome = saml.rotate("activate")
        assert {each.key: each.outcome for each in outcome.instances} == dict.fromkeys("abc", "unchanged") | {
            "a": "activated"
        }
        assert saml.rotate("activate").summary["unchanged"] == 3
    assert log.read_text().splitlines() == [f"a {saml.active('a')}"]
    assert saml.writes() == []


def test_monitor_warns_the_louder_if_entra_would_switch_by_itself(saml):
    saml.begin("a", "b")
    wanted = fleet(instance("a", AWS, sso={}), instance("b", AWS, sso={}), instance("c", AWS))
    look = lambda: saml.world.run(saml.world.doing(monitor_fleet, wanted)).certificates  # noqa: E731
    assert list(look()) == []
    saml.world.emulator.controls.advance((3 * 365 - 50) * DAY)
    assert [(each.key, each.urgency, each.staged) for each in look()] == [
        ("a", "notice", False),
        ("b", "notice", False),
    ]
    saml.rotate("renew", only=["a"])
    saml.world.emulator.controls.advance(60)
    assert [(each.key, each.urgency, each.staged) for each in look()] == [
        ("a", "warning", True),
        ("b", "notice", False),
    ]
    saml.world.emulator.controls.advance(25 * DAY)
    assert [(each.urgency, "activate" in each.command) for each in look()] == [("urgent", True), ("warning", False)]
    with open_store(f"sqlite:///{saml.world.store}") as store:
        reported = build_report(store, days=1, now=saml.world.read_utc_now()).expiring
        text = generate_latest(build_registry(store)).decode()
    assert [each.key for each in reported] == ["a", "b"]
    assert 'signing_certificate_expires_timestamp_seconds{fleet="contoso",key="a",staged="true"' in text
    # Entra switches by itself; then the certificate that was staged signs.
    saml.world.emulator.controls.advance(30 * DAY)
    assert [each.key for each in look()] == ["b"]

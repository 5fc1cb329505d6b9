from datetime import UTC, datetime, timedelta

import pytest

from flows.inventory.findings import Facts, TargetUser, evaluate, find_shared_targets, rules
from flows.store import TenantJob, TenantPrincipal
from graph_emulator.settings import ALL_ROLES
from tests.inventory.looking import DAY

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
RULES = {
    "code-grant",
    "customappsso",
    "successfactors-basic-auth",
    "no-notification-email",
    "disabled-90d",
    "quarantine-21d",
    "never-started",
    "double-target",
    "secrets-api-removal",
    "certificate-30d",
    "certificate-14d",
    "certificate-switch",
}
"""What an estate has; none of its certificates expires in 30 to 60 days."""


TWO_JOBS = {("Azure2Azure", "c"): [TargetUser("p", "emea/a"), TargetUser("q", "apac/b")]}


def facts(*, template="scim", connection=None, shared=None, app_template=None, certificates=None, **given):
    times = dict.fromkeys(("first_seen_at", "seen_at", "state_at", "changed_at"), NOW - timedelta(days=1))
    job = TenantJob(
        tenant_id="t", service_principal_id="p", job_id="j", synchronization_template_id=template,
        **{"state": "steady", "schedule": "Active", **times, **given},
    )  # fmt: skip
    principal = TenantPrincipal(
        tenant_id="t", service_principal_id="p", application_template_id=app_template, connection=connection,
        certificates=certificates, first_seen_at=NOW, seen_at=NOW,
    )  # fmt: skip
    return Facts(job, principal, shared or {})


def found(*, at=NOW, **given):
    return {each.rule: each for each in evaluate(facts(**given), at)}


def keys(*names, email="a@x.example", company=None):
    return {"keys": list(names), "notification_email": email, "company_id": company}


def ago(days):
    return NOW - timedelta(days=days)


def test_the_rules_are_those_that_pipelines_name_and_each_says_what_to_do_and_who_says_so():
    assert {rule.rule for rule in rules()} == RULES | {"certificate-60d"}
    assert all(rule.text and rule.advice and rule.source.startswith("https://") for rule in rules())


def test_a_healthy_job_of_which_little_may_be_read_has_none():
    assert found() == {}


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ("code-grant", {"template": "slackOutDelta"}),
        ("code-grant", {"connection": keys("Oauth2RefreshToken")}),
        ("customappsso", {"template": "customappssoOutDelta"}),
        ("successfactors-basic-auth", {"template": "successFactors2AAD", "connection": keys("UserName", "Password")}),
        ("successfactors-basic-auth", {"template": "successFactors2AAD"}),
        ("no-notification-email", {"connection": keys("BaseAddress", email=None)}),
        ("disabled-90d", {"state": "paused", "schedule": "Paused", "last_execution_at": ago(91)}),
        ("disabled-90d", {"state": "quarantined", "schedule": "Disabled", "last_execution_at": ago(91)}),
        ("quarantine-21d", {"state": "quarantined", "since": ago(22)}),
        ("never-started", {"state": "created", "schedule": "Disabled"}),
        (
            "double-target",
            {"template": "Azure2Azure", "connection": keys(company="C"), "shared": TWO_JOBS},
        ),
        ("secrets-api-removal", {"connection": keys("BaseAddress")}),
    ],
)
def test_a_rule_holds(rule, given):
    assert rule in found(**given)


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ("code-grant", {"connection": keys("SecretToken")}),
        ("customappsso", {"template": "scim"}),
        ("successfactors-basic-auth", {"template": "successFactors2AAD", "connection": keys("AuthenticationType")}),
        ("no-notification-email", {"connection": None}),
        ("disabled-90d", {"state": "paused", "schedule": "Paused", "last_execution_at": ago(89)}),
        ("disabled-90d", {"state": "steady", "last_execution_at": ago(91)}),
        ("quarantine-21d", {"state": "quarantined", "since": ago(20)}),
        ("quarantine-21d", {"state": "quarantined"}),
        ("never-started", {"state": "initial-cycle"}),
        ("double-target", {"template": "Azure2Azure", "connection": keys(company="C")}),
        ("secrets-api-removal", {"connection": None}),
    ],
)
def test_a_rule_does_not_hold(rule, given):
    assert rule not in found(**given)


def test_a_quarantine_says_when_the_service_will_switch_the_job_off():
    finding = found(state="quarantined", since=ago(22))["quarantine-21d"]
    assert (finding.since, finding.until) == (ago(22), ago(22) + timedelta(days=28))


def test_what_ends_for_all_says_on_which_day():
    assert found(template="successFactors2AAD")["successfactors-basic-auth"].until == datetime(2026, 11, 20, tzinfo=UTC)


def test_two_jobs_for_one_target_name_each_other():
    text = found(template="Azure2Azure", connection=keys(company="C"), shared=TWO_JOBS)["double-target"].text
    assert ("apac/b" in text, "emea/a" in text) == (True, False)


def test_targets_of_different_templates_are_different():
    jobs = [facts(template=name, connection=keys(company="c")) for name in ("Azure2Azure", "other", "Azure2Azure")]
    assert find_shared_targets([(each.job, each.principal) for each in jobs]).keys() == {("Azure2Azure", "c")}


@pytest.mark.parametrize(
    ("days", "staged", "rules"),
    [
        (61, "B", set()),
        (59, None, {"certificate-60d"}),
        (29, None, {"certificate-30d"}),
        (14, None, {"certificate-14d"}),
        (-3, None, {"certificate-14d"}),
        (59, "B", {"certificate-60d", "certificate-switch"}),
        (5, "B", {"certificate-14d", "certificate-switch"}),
    ],
)
def test_a_certificate_that_expires_is_one_finding_and_a_staged_one_another(days, staged, rules):
    ends_at = NOW + timedelta(days=days)
    findings = found(certificates={"active": "A", "expires": ends_at.isoformat(), "staged": staged, "error": None})
    assert findings.keys() == rules
    assert {each.until for each in findings.values()} <= {ends_at}


async def test_an_estate_has_every_finding_and_a_job_that_is_well_has_no_warning(open_tenant):
    tenant = open_tenant(400, roles=ALL_ROLES)
    inventory = await tenant.look()
    assert {finding.rule for each in (*inventory.rows, *inventory.signing) for finding in each.findings} == RULES
    by_template = {row.job.synchronization_template_id: row.warnings for row in inventory.rows}
    assert by_template["AD2AADPasswordHash"] == []
    assert by_template["Azure2Azure"] == ["double-target"]
    assert by_template["dataBricks"] == ["disabled-90d"]
    assert by_template["slackOutDelta"] == ["code-grant", "no-notification-email"]


async def test_with_reading_permissions_only_what_secrets_tell_is_left_open(open_tenant):
    inventory = await open_tenant(400).look()
    rules_found = {finding.rule for each in (*inventory.rows, *inventory.signing) for finding in each.findings}
    assert rules_found == RULES - {"no-notification-email", "double-target", "secrets-api-removal"}


async def test_a_job_that_is_left_alone_gets_older(open_tenant):
    tenant = open_tenant(100)
    await tenant.look()
    tenant.controls.advance(7 * DAY)
    row = next(row for row in (await tenant.look()).rows if row.job.state == "created")
    (finding,) = [each for each in row.findings if each.rule == "never-started"]
    assert finding.since == tenant.now - timedelta(days=7)

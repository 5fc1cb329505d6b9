import json
from datetime import UTC, datetime

import pytest

from flows.monitoring.triage import explain_error, explain_quarantine
from flows.store import Failure

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
RIGHTS = Failure("InsufficientRights", 30, AT, "u1", "Adèle", "403 Forbidden", None)
CONFLICT = Failure("BoxEntryConflict", 10, AT, "g1", "Pilot", "409 Conflict", "Rename it.")
ODD = Failure("SlackWeirdness", 7, AT, "u2", "Bob", "strange", "Turn it off and on.")
SILENT = Failure(None, 3, AT)
RESTART = "entra-fleet jobs restart FLEET --only prod"
ANEW = f"{RESTART} --reset Watermark --reset Escrows --reset QuarantineState --force"
ROTATE = "entra-fleet rotate FLEET --only prod"
UNAVAILABLE = "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable"
POLICY = "AzureActiveDirectoryCrossTenantSyncPolicyCheckFailure"
NOT_INBOUND = (
    "You appear to have entered invalid credentials. Please confirm you are using the correct information for an "
    f"administrative account. Error code: {POLICY}. Details: The target tenant has not enabled inbound "
    "synchronization with this tenant."
)
APPLY = "entra-fleet apply FLEET --only prod"
REFUSED = "SystemForCrossDomainIdentityManagementCredentialValidationFailure"


@pytest.mark.parametrize(
    ("reason", "job_error", "failures", "action", "commands", "cause"),
    [
        ("EncounteredQuarantineException", None, [], "rotate", (ROTATE, RESTART), "there are others"),
        ("EncounteredQuarantineException", (REFUSED, "Unauthorized"), [RIGHTS], "rotate", (ROTATE, RESTART), "expired"),
        (
            *("EncounteredQuarantineException", ("OddFailure", "two roles are one"), [], "unknown", (RESTART,)),
            "Graph says: OddFailure: two roles are one",
        ),
        (
            *("EncounteredQuarantineException", (UNAVAILABLE, "… 404 Not Found"), [], "contact-target", (RESTART,)),
            f"Graph says: {UNAVAILABLE}: … 404 Not Found",
        ),
        (
            *("EncounteredQuarantineException", (UNAVAILABLE, "… Unauthorized (401) …"), [], "rotate"),
            *((ROTATE, RESTART), f"Graph says: {UNAVAILABLE}: …"),
        ),
        ("EncounteredQuarantineException", (UNAVAILABLE, "timed out"), [], "contact-target", (RESTART,), "not reached"),
        (
            *("EncounteredQuarantineException", (POLICY, NOT_INBOUND), [], "allow-synchronization"),
            *((APPLY, RESTART), "lets no users be synchronized into it"),
        ),
        # The same refusal as validateCredentials may wrap it.
        (
            *("EncounteredQuarantineException", (UNAVAILABLE, NOT_INBOUND), [], "allow-synchronization"),
            *((APPLY, RESTART), "lets no users be synchronized into it"),
        ),
        # Microsoft's own words, of a directory audit record: a code that nobody has documented.
        (
            *("EncounteredQuarantineException", ("X", "Your ServiceNow credentials are invalid."), [], "rotate"),
            *((ROTATE, RESTART), "Graph says: X: Your ServiceNow credentials are invalid."),
        ),
        (
            *("EncounteredEscrowProportionThreshold", None, [RIGHTS, CONFLICT], "contact-target", (ANEW,)),
            "Most often (30 of 40 failures): InsufficientRights, not allowed by the target.",
        ),
        ("EncounteredTotalEscrowThreshold", None, [CONFLICT], "fix-mapping", (ANEW,), "about 60,000"),
        ("EncounteredBaseEscrowThreshold", None, [], "harvest", ("entra-fleet harvest",), "about 40,000"),
        ("TooManyDeletes", None, [RIGHTS], "raise-threshold", (), "deletion threshold"),
        (
            "TooManyDeletes",
            ("InternalServerError", "x"),
            [],
            "raise-threshold",
            (),
            "Graph says: InternalServerError: x",
        ),
        ("QuarantineOnDemand", None, [], "contact-target", (RESTART,), "Microsoft found a problem"),
        ("IngestionInterrupted", None, [], "wait", (RESTART,), "read completely"),
        ("Unknown", None, [RIGHTS], "contact-target", (RESTART,), "no reason"),
        ("FullMoon", None, [ODD], "microsoft", (RESTART,), "the reason FullMoon, which is not in our table"),
        (None, None, [SILENT], "unknown", (RESTART,), "No reason is given"),
    ],
)
def test_a_quarantine_has_a_cause_and_something_to_do(reason, job_error, failures, action, commands, cause):
    code, message = job_error or (None, None)
    found = explain_quarantine("prod", reason, code, message, failures)
    assert (found.proposal.action, tuple(found.proposal.commands)) == (action, commands)
    assert cause in found.cause
    assert [each.failure for each in found.errors] == failures


def test_no_machine_is_told_to_let_deletions_through():
    for reason in ("TooManyDeletes", "EncounteredQuarantineException", None):
        assert "ForceDeletes" not in str(explain_quarantine("prod", reason, "TooManyDeletes", None, [RIGHTS]).as_json())


def test_an_unknown_code_says_so_and_hands_on_what_microsoft_recommends():
    known, unknown, mute = (
        explain_error("EntryConflict", None, "prod"),
        explain_error("X", "Do Y.", "prod"),
        explain_error("X", None, None),
    )
    assert (known.meaning, known.proposal.action) == ("exists already in the target", "fix-mapping")
    assert (unknown.cause, unknown.proposal.action) == (None, "microsoft")
    assert "Microsoft recommends: Do Y." in unknown.proposal.text
    assert "recommends nothing" in mute.proposal.text


def test_an_application_of_no_fleet_gets_no_command():
    assert explain_error(REFUSED, None, "prod").proposal.commands == (ROTATE,)
    assert explain_error(REFUSED, None, None).proposal.commands == ()


def test_the_json_has_an_example_of_each_error():
    document = explain_quarantine("prod", "EncounteredEscrowProportionThreshold", None, None, [CONFLICT]).as_json()
    assert document["errors"][0]["example"] == {
        "name": "Pilot",
        "id": "g1",
        "at": "2026-05-01T12:00:00Z",
        "reason": "409 Conflict",
        "additional_details": None,
        "recommended_action": "Rename it.",
    }
    assert (document["errors"][0]["code"], document["errors"][0]["count"]) == ("BoxEntryConflict", 10)
    assert document["proposal"]["action"] == "fix-mapping"


# The names of the log today, and those of an answer of 2020 to provisioning on demand.
CHECKS = {
    "active": ("Active in the source system", "IsActive"),
    "assigned": ("Assigned to the application", "Assigned"),
    "role": ("User has the required role", "IsEffectivelyEntitledForProvisioning"),
    "filter": ("Scoping filter evaluation passed", "IsInProvisioningScopeDisplayName"),
}
CLAUSE = "Marketing department filter.department EQUALS 'Marketing'"


@pytest.mark.parametrize("names", [0, 1], ids=["log", "on demand"])
@pytest.mark.parametrize(
    ("failed", "action", "causes"),
    [
        (["active"], "wait", ["disabled"]),
        (["assigned"], "assign", ["not assigned"]),
        (["assigned", "role"], "assign", ["not assigned"]),
        (["role"], "assign", ["Default Access"]),
        (["filter"], "fix-mapping", ["scoping filter", CLAUSE]),
        (["active", "filter"], "wait", ["disabled", "scoping filter", CLAUSE]),
        ([], "assign", ["does not say which"]),
    ],
)
def test_a_skip_has_the_cause_that_its_details_name(names, failed, action, causes):
    details = {each[names]: str(check not in failed) for check, each in CHECKS.items()}
    details["ScopeEvaluationResult"] = json.dumps({CLAUSE: "filter" not in failed, "other.city EQUALS 'Ulm'": True})
    found = explain_error("NotEffectivelyEntitled", None, "prod", details=details)
    assert found.proposal.action == action
    assert [cause for cause in causes if cause not in found.cause] == []
    assert ("Default Access" in found.cause) is (failed in (["role"], []))
    assert ("Ulm" not in found.cause, "scope: all" not in found.proposal.text) == (True, True)


@pytest.mark.parametrize(
    ("words", "action"),
    [
        (
            "1) This object is not assigned to the application. 2) This object does not have required entitlement",
            "assign",
        ),
        (
            "1) This object did not pass a scoping filter. If you did not expect the object to be skipped, …",
            "fix-mapping",
        ),
    ],
)
def test_without_details_microsofts_words_name_the_cause(words, action):
    # https://learn.microsoft.com/answers/questions/1023522/user-provisioning-noteffectivelyentitled
    assert explain_error("NotEffectivelyEntitled", None, "prod", reason=words).proposal.action == action
    assert explain_error("EntrySynchronizationSkipped", None, "prod", reason=words).meaning is not None
    assert explain_error("EntryConflict", None, "prod", reason=words).proposal.action == "fix-mapping"


@pytest.mark.parametrize(
    ("code", "reason", "action"),
    [
        (
            "X",
            "StatusCode: BadRequest Message: Processing of the HTTP request resulted in an exception.",
            "fix-mapping",
        ),
        ("X", "Contoso returned an error response with the HTTP status code 409.", "fix-mapping"),
        ("X", "Response Status Code: Unauthorized", "rotate"),
        ("X", 'Web Response: {"schemas": ["x"], "status": "403"}', "contact-target"),
        ("X", "HTTP/404 Not Found", "contact-target"),
        ("X", "StatusCode: 503", "wait"),
        ("X", "500 users were left out; HTTP status code 200", "unknown"),
        ("SystemForCrossDomainIdentityManagementServiceIncompatible", "StatusCode: TooManyRequests", "wait"),
        ("SystemForCrossDomainIdentityManagementServiceIncompatible", "no id", "contact-target"),
        ("EntryConflict", "StatusCode: 503", "fix-mapping"),
    ],
)
def test_a_code_that_says_little_is_explained_by_the_http_status(code, reason, action):
    assert explain_error(code, None, "prod", reason=reason).proposal.action == action


def test_what_microsoft_recommends_comes_before_a_status():
    found = explain_error("X", "Do Y.", "prod", reason="StatusCode: Conflict")
    assert (found.meaning, found.proposal.action) == ("conflict in the target", "microsoft")

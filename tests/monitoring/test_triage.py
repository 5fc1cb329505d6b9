from datetime import UTC, datetime

import pytest

from flows.monitoring.triage import explain, triage
from flows.store import Failure

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
RIGHTS = Failure("InsufficientRights", 30, AT, "u1", "Adèle", "403 Forbidden", None)
CONFLICT = Failure("BoxEntryConflict", 10, AT, "g1", "Pilot", "409 Conflict", "Rename it.")
ODD = Failure("SlackWeirdness", 7, AT, "u2", "Bob", "strange", "Turn it off and on.")
SILENT = Failure(None, 3, AT)
RESTART = "entra-fleet jobs restart FLEET --only prod"
ANEW = f"{RESTART} --reset Watermark --reset Escrows --reset QuarantineState --force"
ROTATE = "entra-fleet rotate FLEET --only prod"
REFUSED = "SystemForCrossDomainIdentityManagementCredentialValidationFailure"


@pytest.mark.parametrize(
    ("reason", "job_error", "failures", "action", "commands", "cause"),
    [
        ("EncounteredQuarantineException", None, [], "rotate", (ROTATE, RESTART), "cannot connect"),
        ("EncounteredQuarantineException", (REFUSED, "Unauthorized"), [RIGHTS], "rotate", (ROTATE, RESTART), "expired"),
        (
            *("EncounteredQuarantineException", ("OddFailure", "no route to host"), [], "rotate", (ROTATE, RESTART)),
            "Graph says: OddFailure: no route to host",
        ),
        (
            *("EncounteredEscrowProportionThreshold", None, [RIGHTS, CONFLICT], "contact-target", (ANEW,)),
            "Most often (30 of 40 failures): InsufficientRights, not allowed by the target.",
        ),
        ("EncounteredTotalEscrowThreshold", None, [CONFLICT], "fix-mapping", (ANEW,), "about 60,000"),
        ("EncounteredBaseEscrowThreshold", None, [], "harvest", ("entra-fleet harvest",), "about 40,000"),
        (
            *("TooManyDeletes", None, [RIGHTS], "raise-threshold"),
            *(("entra-fleet apply FLEET --only prod", RESTART), "deletion threshold"),
        ),
        ("QuarantineOnDemand", None, [], "contact-target", (RESTART,), "Microsoft found a problem"),
        ("IngestionInterrupted", None, [], "wait", (RESTART,), "to its end"),
        ("Unknown", None, [RIGHTS], "contact-target", (RESTART,), "no reason"),
        ("FullMoon", None, [ODD], "microsoft", (RESTART,), "the reason FullMoon, which is not in our table"),
        (None, None, [SILENT], "unknown", (RESTART,), "No reason is given"),
    ],
)
def test_a_quarantine_has_a_cause_and_something_to_do(reason, job_error, failures, action, commands, cause):
    code, message = job_error or (None, None)
    found = triage("prod", reason, code, message, failures)
    assert (found.proposal.action, tuple(found.proposal.commands)) == (action, commands)
    assert cause in found.cause
    assert [each.failure for each in found.errors] == failures


def test_no_machine_is_told_to_let_deletions_through():
    for reason in ("TooManyDeletes", "EncounteredQuarantineException", None):
        assert "ForceDeletes" not in str(triage("prod", reason, "TooManyDeletes", None, [RIGHTS]).as_json())


def test_an_unknown_code_says_so_and_hands_on_what_microsoft_recommends():
    known, unknown, mute = (
        explain("EntryConflict", None, "prod"),
        explain("X", "Do Y.", "prod"),
        explain("X", None, None),
    )
    assert (known.meaning, known.proposal.action) == ("exists already in the target", "fix-mapping")
    assert (unknown.cause, unknown.proposal.action) == (None, "microsoft")
    assert unknown.proposal.text == "This code is not in our table. Microsoft recommends: Do Y."
    assert "recommends nothing" in mute.proposal.text


def test_an_application_of_no_fleet_gets_no_command():
    assert explain(REFUSED, None, "prod").proposal.commands == (ROTATE,)
    assert explain(REFUSED, None, None).proposal.commands == ()


def test_the_json_has_an_example_of_each_error():
    document = triage("prod", "EncounteredEscrowProportionThreshold", None, None, [CONFLICT]).as_json()
    assert document["errors"][0]["example"] == {
        "name": "Pilot",
        "id": "g1",
        "at": "2026-05-01T12:00:00Z",
        "reason": "409 Conflict",
        "recommended_action": "Rename it.",
    }
    assert (document["errors"][0]["code"], document["errors"][0]["count"]) == ("BoxEntryConflict", 10)
    assert document["proposal"]["action"] == "fix-mapping"

"""What is said of a quarantine, and when a restart is out of the question."""

from datetime import UTC, datetime

import pytest

from flows.monitoring.quarantine import choose_reaction
from flows.monitoring.triage import explain_quarantine
from flows.store import Failure, JobObservation

NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)


def reaction(reason, error_code=None, failures=(), state="quarantined"):
    job = JobObservation(
        tenant_id="t", fleet="contoso", key="box", observed_at=NOON, state=state, reason=reason, since=NOON
    )
    return choose_reaction("contoso", "box", job, explain_quarantine("box", reason, error_code, None, failures))


@pytest.mark.parametrize(
    ("reason", "error_code", "may"),
    [
        ("EncounteredTotalEscrowThreshold", None, True),
        ("EncounteredEscrowProportionThreshold", None, True),
        ("SomethingNew", None, True),
        (None, None, True),
        ("TooManyDeletes", None, False),
        ("TooManyDeletes", "InternalServerError", False),
        ("EncounteredQuarantineException", None, False),
        ("EncounteredTotalEscrowThreshold", "SystemForCrossDomainIdentityManagementCredentialValidationFailure", False),
    ],
)
def test_a_restart_is_out_of_the_question_where_deletions_are_held_or_credentials_refused(reason, error_code, may):
    assert (reaction(reason, error_code).restart_refused is None) is may


def test_what_a_log_says_stays_text_in_the_note():
    failures = [Failure("Evil|Code", 3, NOON, "1", "x", "<script>", "**bold**")]
    note = reaction("EncounteredTotalEscrowThreshold", None, failures).note("Restarted: [link](x).")
    assert "| 3 | Evil&#124;Code | - |" in note
    assert "&#91;link&#93;" in note
    assert "**bold**" not in note


def test_a_message_is_plain_text_with_cause_proposal_and_what_was_done():
    lines = reaction("TooManyDeletes").message("Not restarted.").splitlines()
    assert lines[0].startswith("box: ")
    assert len(lines) == 3
    assert lines[-1] == "Not restarted."


@pytest.mark.parametrize(("job", "why"), [(False, "no sweep has seen this job."), (True, "in quarantine no longer.")])
def test_without_a_quarantine_there_is_nothing_to_do(job, why):
    seen = JobObservation(tenant_id="t", fleet="contoso", key="box", observed_at=NOON, state="steady") if job else None
    found = choose_reaction("contoso", "box", seen, None)
    assert found.restart_refused.endswith(why)
    assert why in found.note("")

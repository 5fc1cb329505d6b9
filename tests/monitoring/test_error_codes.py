from typing import get_args

import pytest

from flows.monitoring.error_codes import Action, error_codes, suggest_remediation
from graph_emulator.provisioning.cycles import FAILURES
from graph_emulator.provisioning.provisioning_log import REASONS

SCIM = "SystemForCrossDomainIdentityManagement"
REASONS_OF_GRAPH = (
    "EncounteredBaseEscrowThreshold",
    "EncounteredTotalEscrowThreshold",
    "EncounteredEscrowProportionThreshold",
    "EncounteredQuarantineException",
    "Unknown",
    "QuarantinedOnDemand",
    "TooManyDeletes",
    "IngestionInterrupted",
)


def test_every_entry_is_whole_and_no_code_stands_twice():
    table = error_codes()
    for entries in (table.errors, table.quarantines, table.scoping):
        codes = [code.lower() for entry in entries for code in entry.codes]
        assert sorted(codes) == sorted(set(codes))
        for entry in entries:
            assert entry.action in get_args(Action)
            assert entry.source.startswith("https://learn.microsoft.com/")
            assert entry.meaning
            assert entry.cause.endswith(".")
            assert entry.action == "errors" or suggest_remediation(entry, "prod").text
    assert not any(entry.action == "errors" for entry in table.errors)


@pytest.mark.parametrize("reason", REASONS_OF_GRAPH)
def test_every_quarantine_reason_of_graph_is_known(reason):
    assert error_codes().quarantine(reason)


@pytest.mark.parametrize("code", sorted({*FAILURES, *REASONS}))
def test_every_code_of_the_embedded_tenant_is_known(code):
    assert error_codes().error(code)


@pytest.mark.parametrize(
    ("code", "known_as"),
    [
        ("EntryConflict", "EntryConflict"),
        ("entryconflict", "EntryConflict"),
        ("BoxEntryConflict", "EntryConflict"),
        ("SalesforceLicenseLimitExceeded", "LicenseLimitExceeded"),
        ("InvitationCreationFailureAmbiguousUser", "InvitationCreationFailureAmbiguousUser"),
        ("SlackConflict", None),
        ("GatewayTimeout", None),
        ("Conflicted", None),
        *((f"{SCIM}{middle}BadRequest", f"{SCIM}*BadRequest") for middle in ("", "ServiceIncompatible")),
        (f"{SCIM}UnexpectedForbidden", "InsufficientRights"),
        (f"{SCIM}NotFound", f"{SCIM}*NotFound"),
        (f"{SCIM}InternalServerError", "InternalServerError"),
        (f"{SCIM}ServerError", "InternalServerError"),
        (f"{SCIM}CredentialValidationUnavailable", "CredentialValidationUnavailable"),
        (f"{SCIM}CredentialValidationFailure", f"{SCIM}CredentialValidationFailure"),
        ("ReferenceTargetNotFound", "ReferenceTargetNotFound"),
        ("InvalidCredentials", "*Credential*"),
        ("", None),
        (None, None),
    ],
)
def test_a_code_is_known_by_itself_or_behind_the_name_of_an_application(code, known_as):
    found = error_codes().error(code)
    assert (found.codes[0] if found else None) == known_as

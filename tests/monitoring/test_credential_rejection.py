import pytest

from flows.monitoring.credential_warnings import find_rejected_credentials
from flows.monitoring.health import JobHealth
from flows.monitoring.sweep import Reading, Target


def found(state="quarantined", **fields):
    return find_rejected_credentials([Reading(Target("eu", "sp"), JobHealth(state, **fields))])


def test_a_quarantine_because_of_credentials_names_the_command():
    (rejection,) = found(
        reason="EncounteredQuarantineException",
        error_code="SystemForCrossDomainIdentityManagementCredentialValidationFailure",
    )
    assert str(rejection) == (
        "The credentials of eu do not work any more "
        "(SystemForCrossDomainIdentityManagementCredentialValidationFailure). "
        "Renew them, then: entra-fleet rotate FLEET --only eu"
    )


@pytest.mark.parametrize(
    ("code", "message"), [("InvalidCredentials", None), ("BadResponse", "401 Unauthorized"), (None, "bad credentials")]
)
def test_what_speaks_of_credentials(code, message):
    assert len(found(error_code=code, error_message=message)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"reason": "TooManyDeletes", "error_code": "TooManyDeletes"},
        {"reason": "EncounteredBaseEscrowThreshold"},
        {"reason": "EncounteredQuarantineException", "error_code": "InternalError"},
        {"error_code": "CredentialValidationUnavailable", "error_message": "HTTP/404 Not Found"},
        {"state": "degraded", "error_code": "InvalidCredentials"},
    ],
    ids=["deletes", "escrows", "other", "address", "no quarantine"],
)
def test_what_new_credentials_would_not_mend(fields):
    assert found(**fields) == []

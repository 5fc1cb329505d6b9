"""Messages and hints for Key Vault's errors."""

from azure.core.exceptions import HttpResponseError

from flows.credentials.references import SourceError
from graph_client.errors import GraphError

_REFUSALS = {
    "SecretDisabled": ("is disabled in {host}", "Enable the secret there, or correct the reference."),
    "ForbiddenByFirewall": (
        "the firewall of {host} refuses this machine",
        "Allow it under the vault's Networking, or run where it is allowed.",
    ),
    "ForbiddenByConnection": (
        "{host} is closed to public networks",
        "Run where its private endpoint is, or open it under the vault's Networking.",
    ),
    400: ("{host} answered 400 ({code})", "Check the reference: the vault rejects it."),
    401: (
        "{host} does not accept the sign-in",
        "Check that the vault belongs to the tenant that is signed in to.",
    ),
    403: (
        "{host} does not let {who} read it ({code})",
        "Grant it the role Key Vault Secrets User on the vault, or the access policy Get.",
    ),
    404: ("does not exist in {host}", "Create the secret there, or correct the reference."),
}
_FAILURE = (
    "{host} answered {status} ({code}), even after retries",
    "Try again later; a vault serves a few hundred reads per second.",
)


def explain_refusal(host: str, error: HttpResponseError, client_id: str | None) -> SourceError:
    """Return the meaning of a vault's answer, by its codes, since its text is not reliable.

    Source: https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
    """
    code, inner = _codes(error)
    what, advice = _REFUSALS.get(inner) or _REFUSALS.get(error.status_code or 0) or _FAILURE
    who = f"application {client_id}" if client_id else "this managed identity"
    return SourceError(
        what.format(host=host, who=who, status=error.status_code, code=inner or code or "no code"), advice
    )


def explain_failed_sign_in(host: str, error: GraphError) -> SourceError:
    """Return the error for a failed sign-in to the vault."""
    return SourceError(f"the sign-in for {host} failed: {error.what}", error.hint or "Check the credential.")


def explain_not_a_vault(host: str) -> SourceError:
    """Return the error for a host that is not a key vault of this cloud."""
    return SourceError(f"{host} does not answer as a key vault", "Check the vault's name, the cloud and any proxy.")


def explain_no_answer(host: str, error: Exception) -> SourceError:
    """Return the error for an unreachable vault."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return SourceError(f"the certificate of {host} is not trusted", "Trust its CA: name the file in SSL_CERT_FILE.")
    what = f"{host} gave no answer ({reason[:200]})"
    return SourceError(what, "Check the vault's name and the network: a private vault has no public address.")


def _codes(error: HttpResponseError) -> tuple[str, str]:
    details = error.error
    inner = details.innererror if details else None
    return (details.code or "" if details else ""), str((inner or {}).get("code") or "")

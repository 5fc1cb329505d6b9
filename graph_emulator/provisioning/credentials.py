"""Credentials of provisioning connections: the known keys, the masked ones, and what target systems accept."""

from collections.abc import Callable
from dataclasses import dataclass, field

from graph_emulator.directory.gallery import Template
from graph_emulator.scim.writer import TargetWriter
from graph_emulator.settings import EmulatorSettings
from graph_emulator.wire.problems import GraphProblem

MASK = "*"  # the length of Graph's mask is not documented
REJECTED = "SystemForCrossDomainIdentityManagementCredentialValidationFailure"
"""The code of quarantines and failed steps when the target system rejects the saved credentials."""


def _split_names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SENSITIVE_KEYS = _split_names(
    """AppKey ClientSecret ConnectionString ConsumerSecret Oauth2AccessToken Oauth2AuthorizationCode
    Oauth2ClientSecret Oauth2RefreshToken Password SecretToken SyncAgentCompatibilityKey TokenKey"""
)
# https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationsecretkeystringvaluepair
KEYS = SENSITIVE_KEYS | _split_names(
    """None UserName BaseAddress ClientIdentifier SingleSignOnType Sandbox Url Domain ConsumerKey TokenExpiration
    Oauth2AccessTokenCreationTime SyncAll InstanceName Oauth2ClientId CompanyId UpdateKeyOnSoftDelete
    SynchronizationSchedule SystemOfRecord SandboxName EnforceDomain SyncNotificationSettings
    SkipOutOfScopeDeletions Oauth2RedirectUri ApplicationTemplateIdentifier Oauth2TokenExchangeUri
    Oauth2AuthorizationUri AuthenticationType Server PerformInboundEntitlementGrants HardDeletesEnabled
    SyncAgentADContainer ValidateDomain TestReferences"""
)


@dataclass(slots=True)
class SavedSecrets:
    """The secrets of one service principal, shared by its jobs."""

    values: dict[str, str] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    shown_from: float = 0.0

    def save(self, values: dict[str, str], *, merge: bool, now: float, visible_at: float) -> None:
        """Save a set of secrets; an empty value removes its key."""
        # What reads show until the new set is visible.
        self.shown = self.masked(now)
        whole = {**self.values, **values} if merge else values
        # An empty value removes its key, as Terraform's provider relies on.
        self.values = {key: value for key, value in whole.items() if value != ""}
        self.shown_from = visible_at

    def masked(self, now: float) -> dict[str, str]:
        """The secrets as a read returns them."""
        if now < self.shown_from:
            return self.shown
        return {key: MASK if key in SENSITIVE_KEYS else value for key, value in self.values.items()}


class TargetSystems:
    """The target systems behind the connectors, and which credentials they accept."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        self._accepted = {_address(url): secret for url, secret in settings.accepted_secrets}
        self.rejected: set[str] = set()
        self.writer: Callable[[str, str, float], TargetWriter | None] = lambda _address, _token, _now: None
        """From address, token and time to the way of writing into a system that runs here."""

    def writer_for(self, credentials: dict[str, str], now: float) -> TargetWriter | None:
        """The way of writing into the target system of these credentials; None where it does not run here."""
        address = credentials.get("BaseAddress")
        return self.writer(address, credentials.get("SecretToken", ""), now) if address else None

    def refusal(self, template: Template, credentials: dict[str, str], now: float) -> str | None:
        """The target system's reason for rejecting these credentials; None if it accepts them."""
        missing = [key for key in template.credential_keys if not credentials.get(key)]
        if missing:
            return f"The credentials are incomplete: {', '.join(missing)} is required by {template.display_name}."
        for key in SENSITIVE_KEYS & credentials.keys():
            # The mask itself is among the bad values: a client that writes it back has lost the secret.
            if self._is_bad(credentials[key]):
                return self._in_words(template, "Unauthorized (401): the access token is invalid or has been revoked")
        expected = self._accepted.get(_address(credentials.get("BaseAddress", "")))
        if expected is not None and credentials.get("SecretToken") != expected:
            return self._in_words(template, "Unauthorized (401): invalid bearer token")
        writer = self.writer_for(credentials, now)
        problem = writer.test() if writer else None
        return self._in_words(template, problem) if problem else None

    def accepts(self, token: str) -> bool:
        """Whether target systems accept a bearer token."""
        return not self._is_bad(token)

    def _is_bad(self, value: str) -> bool:
        folded = value.lower()
        return value == MASK or value in self.rejected or any(word in folded for word in self._settings.rejected_words)

    @staticmethod
    def _in_words(template: Template, words: str) -> str:
        return (
            f"We received this unexpected response from your application {template.display_name}: {words}. "
            "Please check the service and try again."
        )

    def problem(self, refusal: str, code: str | None = None) -> GraphProblem:
        """The answer of validateCredentials, by default with the code of target systems.

        Recorded are the outer code, a longer nested one and the target's text, but not the exact body:
        AsteriusIT/asterius-idp entra-scim-2026-10-03.json.
        """
        status, code = self._settings.validate_failure_status, code or self._settings.validate_failure_code
        if self._settings.validate_failure_form == "flat":
            return GraphProblem(status, code, refusal)
        inner = {"code": code, "message": refusal}
        return GraphProblem(status, "CredentialValidationUnavailable", refusal, inner=inner)


def _address(url: str) -> str:
    return url.rstrip("/").lower()

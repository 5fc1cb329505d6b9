"""Fingerprints of credentials: they show whether a secret has changed, and nothing else without the key."""

import hashlib
import hmac

from flows.configuration.environment import EnvironmentIncomplete
from flows.configuration.sign_in import Identity
from flows.credentials.references import Secret
from flows.store.fingerprints import key_beside
from graph_client.redaction import learn_secrets

_PURPOSE = "entra-fleet credential fingerprint 1"  # no other use of the key gives these digests


class FingerprintKey:
    """The key of fingerprints; without it, values cannot be tested against one.

    Args:
        key: At least 16 unguessable bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._id = self._digest("key")[:8]

    def __repr__(self) -> str:
        return f"FingerprintKey({self._id})"

    def fingerprint(self, tenant_id: str, service_principal_id: str, key: str, secret: Secret) -> str:
        """Return the fingerprint of one credential of one application.

        The same value has different fingerprints in different places, so that equal secrets are not visible. A version
        replaces the value if there is one.

        Args:
            tenant_id: The tenant, in any case.
            service_principal_id: The application's service principal, in any case.
            key: Graph's key of the credential.
            secret: What is, or was, saved.
        """
        place = (tenant_id.lower(), service_principal_id.lower(), key)
        # A vault's version changes with the value, and gives away nothing about it.
        what = ("version", secret.version) if secret.version else ("value", secret.value.get_secret_value())
        return f"{self._id}:{self._digest('credential', *place, *what)}"

    def differs(self, kept: str, now: str) -> bool:
        """Return whether two fingerprints show that a secret has changed; those with different keys show nothing."""
        made_here = kept.partition(":")[0] == self._id  # made with another key they all differ
        return made_here and not hmac.compare_digest(kept, now)

    def _digest(self, *parts: str) -> str:
        # The length before each part: otherwise ("ab", "c") and ("a", "bc") would have one fingerprint.
        texts = (part.encode("utf-8", "surrogatepass") for part in (_PURPOSE, *parts))
        message = b"".join(len(text).to_bytes(8, "big") + text for text in texts)
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


_LENGTH_MIN = 16  # shorter ones can be guessed

NO_KEY = (
    "There is no fingerprint key, so changed credentials cannot be detected: set "
    "ENTRA_FLEET_FINGERPRINT_KEY where the flows run, or fingerprint_key in the EntraTenant block."
)


def fingerprint_key(identity: Identity, store_url: str | None) -> FingerprintKey | None:
    """Return the key from the block or the environment, or the one next to an SQLite store; None without any.

    Raises:
        EnvironmentIncomplete: The key can be guessed.
        StoreError: The key next to the store cannot be used.
    """
    if identity.fingerprint_key is None:
        beside = key_beside(store_url)
        learn_secrets(beside.decode("latin-1") if beside else None)
        return FingerprintKey(beside) if beside else None
    if len(identity.fingerprint_key) < _LENGTH_MIN:
        raise EnvironmentIncomplete(
            f"ENTRA_FLEET_FINGERPRINT_KEY, or the block's fingerprint_key, is shorter than {_LENGTH_MIN} characters.",
            "Generate a random one: openssl rand -hex 32",
        )
    return FingerprintKey(identity.fingerprint_key.encode())

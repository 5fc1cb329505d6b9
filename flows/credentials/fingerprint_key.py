"""The key for the fingerprints of credentials."""

from flows.configuration.environment import EnvironmentIncomplete
from flows.configuration.sign_in import Identity
from flows.credentials.fingerprint import FingerprintKey
from flows.store.fingerprints import key_beside
from graph_client.redaction import learn_secrets

_LENGTH_MIN = 16

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

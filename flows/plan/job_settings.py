"""The named settings of a job that Graph stores among its secrets."""

import json
from collections.abc import Mapping
from typing import Any

from flows.credentials.references import Secret
from flows.errors import StepFailed
from flows.fleet_file.models import Instance

MASK = "*"
"""What Graph shows in place of a sensitive value."""

NOTIFICATION = "SyncNotificationSettings"
SETTINGS = frozenset({"SyncAll", "SkipOutOfScopeDeletions", NOTIFICATION})
"""Keys that configure a job and are not credentials."""


def build_job_settings(instance: Instance, observed: Mapping[str, str]) -> dict[str, str]:
    """Return the settings the fleet file names, as the keys and values that Graph stores.

    `SyncNotificationSettings` holds four settings in one JSON text; those the file does not name keep the value
    they have in `observed`.

    Source: https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationsecretkeystringvaluepair
    """
    settings: dict[str, str] = {}
    if instance.scope is not None:
        settings["SyncAll"] = "true" if instance.scope == "all" else "false"  # lower case, unlike the next one
    if instance.skip_out_of_scope_deletions is not None:
        settings["SkipOutOfScopeDeletions"] = str(instance.skip_out_of_scope_deletions)
    if instance.notification_email is not None or instance.delete_threshold is not None:
        settings[NOTIFICATION] = _notification_settings(instance, observed.get(NOTIFICATION, ""))
    return settings


def _notification_settings(instance: Instance, observed: str) -> str:
    # All four settings share one value, so those of the portal have to be written back.
    merged: dict[str, Any] = parse_setting(observed)
    if instance.notification_email is not None:
        merged |= {"Enabled": bool(instance.notification_email), "Recipients": instance.notification_email}
    if instance.delete_threshold is not None:
        merged |= {"DeleteThresholdEnabled": True, "DeleteThresholdValue": instance.delete_threshold}
    return json.dumps(merged, separators=(",", ":"))  # JSON in a string, as Graph stores it


def settings_equal(desired: str, observed: str) -> bool:
    """Return whether two stored values are equivalent: booleans in any case, JSON with keys in any order."""
    # Graph's booleans are texts: "true" in one setting, "True" in another.
    if desired.lower() == observed.lower():
        return True
    left, right = parse_setting(desired), parse_setting(observed)
    return bool(left) and left == right


def parse_setting(text: str) -> dict[str, Any]:
    """Return the object in a JSON text; an empty one for any other text."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def check_size(instance: Instance, credentials: Mapping[str, Secret], bytes_max: int | None) -> None:
    """Check that Graph can store the credentials, before anything is created.

    Args:
        instance: Their instance; its notification email counts toward the same limit.
        credentials: The values.
        bytes_max: Graph's limit; None for no limit.

    Raises:
        StepFailed: They are too large.

    Source: https://learn.microsoft.com/entra/identity/app-provisioning/known-issues
    """
    texts = [*reveal_values(credentials).values(), instance.notification_email or ""]
    size = sum(len(text.encode()) for text in texts)
    if bytes_max is not None and size > bytes_max:
        # Cause: Azure Government stores 1,024 bytes of credentials and notification email per application.
        raise StepFailed(
            "CredentialsTooLarge",
            f"Credentials and notification email of {instance.key} take {size:,} bytes, but this cloud stores at most "
            f"{bytes_max:,} per application.",
            "Have the target system issue a shorter token, or remove notification_email.",
        )


def reveal_values(credentials: Mapping[str, Secret]) -> dict[str, str]:
    """Return the values behind the references, by key, as Graph takes them."""
    return {key: secret.value.get_secret_value() for key, secret in credentials.items()}

"""Saved credentials and settings in the words of a fleet file: literals, references to fill in, and named fields."""

import re
from collections.abc import Mapping
from typing import Any

from flows.fleet_file.credential_keys import ALLOWED_KEYS, FIELD_OF_KEY, SENSITIVE_KEYS
from flows.fleet_file.defaults import PLACEHOLDER
from flows.fleet_file.models import Instance
from flows.plan.job_settings import build_job_settings, parse_setting, settings_equal

_NOTIFICATION = "SyncNotificationSettings"


def build_credentials(
    key: str, secrets: Mapping[str, str] | None, remarks: list[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the credentials of an instance, and those of their keys whose values are to be filled in.

    Args:
        key: The key of the instance, which the references name.
        secrets: What is saved, as Graph shows it; None if it may not be read.
        remarks: Gets what a person should know.
    """
    if secrets is None:
        remarks.append("its credentials may not be read with this sign-in; add them here")
        return {}, ()
    credentials, references = {}, []
    for name, value in sorted(secrets.items()):
        if name in FIELD_OF_KEY or not value:
            continue
        if name not in ALLOWED_KEYS:
            remarks.append(f"its credential {name} is not supported here; it stays unchanged")
        elif name in SENSITIVE_KEYS or not value.strip("*") or "${" in value or PLACEHOLDER.search(value):
            credentials[name] = f"${{env:{choose_variable_name(key, name)}}}"
            references.append(name)
        else:
            credentials[name] = value
    return credentials, tuple(references)


def choose_variable_name(key: str, credential: str) -> str:
    """Return the name of the environment variable for a credential of an instance."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", credential)
    name = f"{key}_{words}".replace("-", "_").upper()
    return f"_{name}" if name[0].isdigit() else name


def read_settings(secrets: Mapping[str, str], remarks: list[str]) -> dict[str, Any]:
    """Return the named settings of a job that would be saved exactly as they are now."""
    fields: dict[str, Any] = {}
    everybody, skips = secrets.get("SyncAll", "").lower(), secrets.get("SkipOutOfScopeDeletions", "").lower()
    if everybody in {"true", "false"}:
        fields["scope"] = "all" if everybody == "true" else "assigned"
    if skips in {"true", "false"}:
        fields["skip_out_of_scope_deletions"] = skips
    saved = parse_setting(secrets.get(_NOTIFICATION, ""))
    notices = {"notification_email": saved.get("Recipients"), "delete_threshold": saved.get("DeleteThresholdValue")}
    for name, value in notices.items():
        if not value:
            continue
        if _kept(name, value, secrets):
            fields[name] = value
        else:
            remarks.append(f"its {name} ({value}) is off, or cannot be expressed here; it stays unchanged")
    return fields


def _kept(name: str, value: Any, secrets: Mapping[str, str]) -> bool:
    """Tell whether a field would leave the saved settings as they are."""
    try:
        instance = Instance.model_validate({"key": "k", "display_name": "k", "template": "k", name: value})
    except ValueError:
        return False
    return settings_equal(build_job_settings(instance, secrets)[_NOTIFICATION], secrets[_NOTIFICATION])

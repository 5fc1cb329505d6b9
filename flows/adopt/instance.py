"""An application that exists, in the words of a fleet file."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from flows.base_error import EntraFleetError
from flows.fleet_file.credential_keys import ALLOWED_KEYS, FIELD_OF_KEY, SENSITIVE_KEYS
from flows.fleet_file.include import PLACEHOLDER
from flows.fleet_file.models import Instance
from flows.monitoring.health import assess_job
from flows.plan.job_settings import build_job_settings, parse_setting, settings_equal
from flows.tenant.assignments import Assigned, resolve_role
from flows.tenant.instance_state import ObservedInstance
from graph_client.models import AppRole

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


KEY_LENGTH_MAX = 63


@dataclass(frozen=True)
class Adopted:
    """The fields of an instance, and what a person should know of them."""

    fields: Mapping[str, Any]
    remarks: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    """Credential keys whose values are to be filled in."""


class NotAdoptable(EntraFleetError):
    """An application cannot be an instance as it is; the text says why."""


def build_adopted_instance(item: ObservedInstance, key: str, template: str) -> Adopted:
    """Return an application as an instance whose plan has nothing to change but the mark.

    Args:
        item: The application, with all that was looked up of it.
        key: The key it gets.
        template: What the fleet file calls its application template.

    Raises:
        NotAdoptable: It has no provisioning job, or something that a fleet file cannot say.
    """
    if item.unreadable:
        raise NotAdoptable(f"its jobs cannot be read: {item.unreadable.what}")
    # Which of several is meant can be told by nobody but the reader of the file: it names the template.
    job = item.job_for(None) or min(item.jobs, key=lambda job: job.id, default=None)
    if job is None:
        raise NotAdoptable("it has no provisioning job")
    if item.application_id is None:
        raise NotAdoptable("it has only a service principal, no application")
    remarks: list[str] = []
    fields: dict[str, Any] = {"key": key}
    if item.mark is None:
        fields["adopt"] = item.application_id
    fields |= {"display_name": item.display_name, "template": template, "synchronization_template": job.template_id}
    fields |= read_settings(item.secrets or {}, remarks)
    halted = (job.schedule.state if job.schedule else None) in {"Paused", "Disabled"}
    fields["job"] = "paused" if halted or assess_job(job).state in {"created", "paused"} else "running"
    credentials, references = build_credentials(key, item.secrets, remarks)
    fields |= {
        "credentials": credentials,
        "assignments": _assignments(item, remarks),
        "owners": sorted(item.owners),
        "notes": _notes(item.notes, remarks),
        "service_management_reference": item.service_management_reference,
    }
    fields = {name: value for name, value in fields.items() if value}
    _check(fields)
    if len(item.jobs) > 1:
        remarks.append(f"it has {len(item.jobs)} jobs; the others stay unchanged")
    return Adopted(fields, tuple(remarks), references)


def choose_key(display_name: str, taken: Collection[str]) -> str:
    """Return a key that reads like a display name and is not taken."""
    plain = _plain(display_name)[:KEY_LENGTH_MAX].strip("-") or "app"
    number, key = 1, plain
    while key in taken:
        number += 1
        key = f"{plain[: KEY_LENGTH_MAX - len(str(number)) - 1].strip('-')}-{number}"
    return key


def _plain(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")


def _notes(notes: str | None, remarks: list[str]) -> str | None:
    if notes and PLACEHOLDER.search(notes):
        remarks.append("its notes hold {key} or {display_name}, which a fleet file would fill in; they stay unchanged")
        return None
    return notes


def _assignments(item: ObservedInstance, remarks: list[str]) -> list[dict[str, str]]:
    """Return the assignments that a fleet file can name, by name."""
    said = []
    for each in sorted(item.assigned, key=lambda each: (each.principal_name or "", each.principal_id, each.role_id)):
        kind = (each.principal_type or "").lower()
        role = _role(item.roles, each)
        if kind not in {"user", "group"} or role is None:
            who = each.principal_name or each.principal_id
            remarks.append(
                f"the assignment of {who} ({each.principal_type}) cannot be expressed here; it stays unchanged"
            )
            continue
        fields = {kind: each.principal_id, "name": each.principal_name or "", "role": role}
        said.append({name: value for name, value in fields.items() if value})
    return said


def _role(roles: Sequence[AppRole], assigned: Assigned) -> str | None:
    """Return what a fleet file calls a role: nothing for the usual one, None if there is no way to say it."""
    names = [name for role in roles if role.id == assigned.role_id for name in (role.display_name, role.value, role.id)]
    for name in filter(None, names):
        if resolve_role(roles, name) == assigned.role_id:
            return name
    return "" if resolve_role(roles, None) == assigned.role_id else None


def _check(fields: Mapping[str, Any]) -> None:
    try:
        Instance.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NotAdoptable(f"its {where} {first['msg']}") from None

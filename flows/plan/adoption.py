"""Adoption: the fleet file for applications without an ownership tag."""

import io
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from flows.base_error import EntraFleetError
from flows.fleet_file.credential_keys import ALLOWED_KEYS, FIELD_OF_KEY, SENSITIVE_KEYS
from flows.fleet_file.cross_tenant import AUTHENTICATION_TYPE, COMPANY_ID, SYNC_POLICY
from flows.fleet_file.include import PLACEHOLDER
from flows.fleet_file.models import Instance
from flows.fleet_file.single_sign_on import SingleSignOn
from flows.monitoring.health import assess_job
from flows.plan.job_settings import NOTIFICATION, build_job_settings, parse_setting, settings_equal
from flows.tenant.assignments import Assigned, resolve_role
from flows.tenant.instance_state import ObservedInstance
from flows.tenant.single_sign_on import ObservedSignOn, role_id
from flows.tenant.unmanaged import Unmanaged
from graph_client.models import AppRole


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
        # Settings of the fleet file have fields of their own; see `read_settings`.
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


def split_target(credentials: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the target of a cross-tenant synchronization, if it is one, and the credentials that remain."""
    company_id = credentials.get(COMPANY_ID, "")
    if credentials.get(AUTHENTICATION_TYPE) != SYNC_POLICY or not company_id:
        return {}, dict(credentials)
    # Its `sign_in` is for a person to add: until then it is the target's administrators who allow anything.
    rest = {name: value for name, value in credentials.items() if name not in {COMPANY_ID, AUTHENTICATION_TYPE}}
    return {"tenant_id": company_id.lower()}, rest


def choose_variable_name(key: str, credential: str) -> str:
    """Return the name of the environment variable for a credential of an instance."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", credential)  # SecretToken becomes SECRET_TOKEN
    name = f"{key}_{words}".replace("-", "_").upper()
    # A name of a variable cannot begin with a digit.
    return f"_{name}" if name[0].isdigit() else name


def read_settings(secrets: Mapping[str, str], remarks: list[str]) -> dict[str, Any]:
    """Return the named settings of a job that would be saved exactly as they are now."""
    fields: dict[str, Any] = {}
    syncs_all, skips = secrets.get("SyncAll", "").lower(), secrets.get("SkipOutOfScopeDeletions", "").lower()
    if syncs_all in {"true", "false"}:
        fields["scope"] = "all" if syncs_all == "true" else "assigned"
    if skips in {"true", "false"}:
        fields["skip_out_of_scope_deletions"] = skips
    saved = parse_setting(secrets.get(NOTIFICATION, ""))
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
    """Return whether saving a field would leave the saved settings unchanged."""
    try:
        instance = Instance.model_validate({"key": "k", "display_name": "k", "template": "k", name: value})
    except ValueError:
        return False
    return settings_equal(build_job_settings(instance, secrets)[NOTIFICATION], secrets[NOTIFICATION])


def read_sso(service_principal_id: str, found: ObservedSignOn, remarks: list[str]) -> dict[str, Any]:
    """Return the single sign-on of an application that would be left exactly as it is; empty if there is none by SAML.

    Roles and claims policies of others stay out: they are never changed, and need no line in a file.
    """
    if (found.mode or "").lower() != "saml":
        return {}
    if not (found.certificates.active and found.certificates.is_whole):
        # `sso` would add a certificate, or activate a staged one.
        remarks.append("it signs people in without an active certificate; add sso here once that is settled")
        return {}
    said = {
        "identifiers": found.identifiers,
        "reply_urls": found.reply_urls,
        "relay_state": (found.relay_state,) if found.relay_state else (),
        "notification_emails": found.notification_emails,
    }
    fields: dict[str, Any] = {"mode": "saml"}
    for name, values in said.items():
        kept = [value for value in dict.fromkeys(values) if _can_be_said(name, value)]
        if missing := [value for value in values if value not in kept]:
            remarks.append(f"its {name} {', '.join(missing)} cannot be expressed here; they stay unchanged")
        if kept:
            fields[name] = kept[0] if name == "relay_state" else kept
    # What a fleet added before would be removed if the file did not name it.
    ours = [each for each in found.roles if each.value and each.id == role_id(service_principal_id, each.value)]
    if ours:
        fields["roles"] = [{"name": each.display_name or each.value, "value": each.value} for each in ours]
    return fields


def _can_be_said(name: str, value: str) -> bool:
    """Return whether a fleet file would leave a value as it is."""
    if "${" in value or PLACEHOLDER.search(value):
        return False
    try:
        SingleSignOn.model_validate({name: value if name == "relay_state" else [value]})
    except ValueError:
        return False
    return True


KEY_LENGTH_MAX = 63  # as the fleet file's keys


@dataclass(frozen=True)
class Adopted:
    """The fields of an instance, and what a person should know of them."""

    fields: Mapping[str, Any]
    remarks: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    """Credential keys whose values are to be filled in."""


class NotAdoptable(EntraFleetError):
    """An application cannot become an instance; the text says why."""


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
    # Which of several is meant only the reader of the file can say, so it names the template.
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
    cross_tenant, credentials = split_target(credentials)
    fields |= {
        "cross_tenant": cross_tenant,
        "sso": read_sso(item.service_principal_id or "", item.sign_on, remarks),
        "credentials": credentials,
        "assignments": _assignments(item, remarks),
        "owners": sorted(item.owners),
        "notes": _notes(item.notes, remarks),
        "service_management_reference": item.service_management_reference,
    }
    # What is empty in the tenant is left to the defaults.
    fields = {name: value for name, value in fields.items() if value}
    # As the loader will: a file that does not load would be worse than an application left out.
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
    # NFKD splits letters from their accents, so that the letters survive.
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
        # Only a name that leads back to the same role: display names need not be unique.
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


_HEAD = """\
Written by entra-fleet adopt from the tenant, which was not changed.
1. Make every reference resolve to its secret: an environment variable, or ${file:…}, ${block:…}, ${keyvault:…} instead.
2. entra-fleet plan then shows only ownership tags to write, and entra-fleet apply writes them.
3. After that you can keep or remove the `adopt` lines."""


@dataclass(frozen=True)
class AdoptionFile:
    """A fleet file, and what was left out of it."""

    text: str
    instances: int
    left_out: tuple[str, ...]


def build_adoption_file(fleet: str, tenant_id: str, unmanaged: Unmanaged) -> AdoptionFile:
    """Return a fleet file whose plan only writes ownership tags."""
    instances, left_out = _instances(unmanaged)
    left_out += [f"{_called(item)}: it has the ownership tag {item.mark.tag}" for item in unmanaged.others if item.mark]
    templates = {each.fields["template"] for each in instances}
    document = CommentedMap(fleet=fleet, tenant_id=tenant_id)
    document.yaml_set_start_comment(_HEAD)
    if len(templates) == 1:  # then it need not stand in every instance
        document["defaults"] = CommentedMap(template=templates.pop())
    shared = set(document.get("defaults", ()))
    document["instances"] = CommentedSeq([_entry(each, shared) for each in instances])
    stream = io.StringIO()
    yaml = YAML()
    # Never folded: a long text stays on one line.
    yaml.width = 100_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(document, stream)
    tail = "".join(f"#   {line}\n" for line in left_out)
    text = stream.getvalue() + (f"# Left out:\n{tail}" if tail else "")
    return AdoptionFile(text, len(instances), tuple(left_out))


def _instances(unmanaged: Unmanaged) -> tuple[list[Adopted], list[str]]:
    instances, left_out = [], []
    keys, names = set(unmanaged.taken), dict[str, str]()
    for item in unmanaged.found:
        key = item.key or choose_key(item.display_name, keys)
        try:
            _refuse_namesake(item, names)
            instances.append(build_adopted_instance(item, key, unmanaged.templates.get(item.template_id or "", "")))
        except NotAdoptable as reason:
            left_out.append(f"{_called(item)}: {reason}")
        else:
            keys.add(key)
            names[item.display_name.casefold()] = key
    shared = Counter(map(_target_of, instances))
    return [_without_target(each) if shared[_target_of(each)] > 1 else each for each in instances], left_out


def _refuse_namesake(item: ObservedInstance, names: dict[str, str]) -> None:
    if key := names.get(item.display_name.casefold()):
        raise NotAdoptable(f"{key} already has that display name; rename one of them, then adopt again")


def _target_of(adopted: Adopted) -> str | None:
    target: str | None = adopted.fields.get("cross_tenant", {}).get("tenant_id")
    return target


def _without_target(adopted: Adopted) -> Adopted:
    """Return an instance with its target as credentials, where another one has it too: a file has each target once."""
    target = _target_of(adopted)
    if target is None:
        return adopted
    fields = {name: value for name, value in adopted.fields.items() if name != "cross_tenant"}
    fields["credentials"] = {COMPANY_ID: target, AUTHENTICATION_TYPE: SYNC_POLICY} | fields.get("credentials", {})
    remark = f"another one has its target, tenant {target}, too; Microsoft allows one for each: retire one of them"
    return replace(adopted, fields=fields, remarks=(*adopted.remarks, remark))


def _called(item: ObservedInstance) -> str:
    return f"{' '.join(item.display_name.split())} ({item.application_id or item.app_id})"


def _entry(each: Adopted, shared: Iterable[str]) -> CommentedMap:
    entry = CommentedMap({name: _value(value) for name, value in each.fields.items() if name not in shared})
    for name in each.references:
        entry["credentials"].yaml_add_eol_comment("to be filled in", name)
    if each.remarks:
        notes = [f"Note: {' '.join(remark.split())}" for remark in each.remarks]
        entry.yaml_set_start_comment("\n".join(notes), indent=2)
    return entry


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return CommentedMap({name: _value(inner) for name, inner in value.items()})
    if isinstance(value, list):
        return CommentedSeq([_inline(each) if isinstance(each, dict) else each for each in value])
    return value


def _inline(fields: dict[str, str]) -> CommentedMap:
    line = CommentedMap(fields)
    line.fa.set_flow_style()
    return line

"""The differences between an instance and the fleet file, field by field."""

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from flows.fleet_file.models import Assignment, Instance
from flows.fleet_file.single_sign_on import NOTIFICATION_EMAILS_MAX, SingleSignOn
from flows.monitoring.health import RUNNING, TOO_MANY_DELETES, JobHealth
from flows.plan.job_settings import build_job_settings, settings_equal
from flows.plan.known_state import KnownState
from flows.plan.plan import NEVER_STARTED, Conflict, FieldChange
from flows.tenant.assignments import Assigned, Principal, format_assigned, format_assignment, missing_assignments
from flows.tenant.instance_state import ObservedInstance
from flows.tenant.ownership_tag import OwnershipTag
from flows.tenant.single_sign_on import NO_SIGN_ON, IdentifierOwner, ObservedSignOn, merge_roles

_MASK = "*"
SAVED_AGAIN = "to be saved again"
AS_THE_FILE = "as the mappings file says"


def plan_creation(instance: Instance, waiting: Collection[Assignment]) -> tuple[FieldChange, ...]:
    """Return the fields of an instance to be created, without pending assignments."""
    assigned = [each for each in instance.assignments if each not in waiting]
    keys = [*instance.credentials, *build_job_settings(instance, {})]
    # Last in the list, as in the work: nothing runs before everything else is in place.
    starts = (FieldChange("job_state", None, "running"),) if instance.job == "running" else ()
    mapped = (FieldChange("mappings", None, AS_THE_FILE),) if instance.mappings else ()
    return (
        FieldChange("application", None, instance.template),
        FieldChange("mark", None, instance.key),
        FieldChange("display_name", None, instance.display_name),
        FieldChange("job", None, instance.synchronization_template or "default"),
        *(FieldChange(f"credentials.{key}", None, "to be saved") for key in keys),
        *(FieldChange(f"owners.{owner}", None, "owner") for owner in instance.owners),
        *(diff_sign_on(instance.sso, NO_SIGN_ON, "") if instance.sso else ()),
        *(FieldChange(f"assignments.{each.principal_id}", None, format_assignment(each)) for each in assigned),
        *mapped,
        *starts,
    )


def diff_description(fleet: str, instance: Instance, found: ObservedInstance) -> tuple[FieldChange, ...]:
    """Return what one write to the application would change."""
    mark = OwnershipTag(fleet, instance.key)
    bears = found.mark if found.marked else None
    pairs = {
        "mark": (bears.tag if bears else None, mark.tag),
        "display_name": (found.display_name, instance.display_name),
        "notes": (found.notes, instance.notes),
        "service_management_reference": (found.service_management_reference, instance.service_management_reference),
    }
    return tuple(
        FieldChange(field, before, after)
        for field, (before, after) in pairs.items()
        # What the file does not name stays unchanged in the tenant.
        if after is not None and before != after
    )


def diff_owners(instance: Instance, found: ObservedInstance) -> tuple[FieldChange, ...]:
    """Return the owners that the application lacks."""
    return tuple(
        FieldChange(f"owners.{owner}", None, "owner") for owner in instance.owners if owner not in found.owners
    )


def diff_assignments(
    instance: Instance, found: ObservedInstance, removals: Iterable[Assigned], principals: Mapping[str, Principal]
) -> tuple[FieldChange, ...]:
    """Return the missing assignments, then the surplus ones."""
    lacking = missing_assignments(instance, found.template_id or "", found.roles, found.assigned)
    return (
        *(FieldChange(f"assignments.{each.principal_id}", None, format_assignment(each)) for each, _ in lacking),
        *(_removal(each, found, principals.get(each.principal_id)) for each in removals),
    )


def _removal(assigned: Assigned, found: ObservedInstance, principal: Principal | None) -> FieldChange:
    field, before = f"assignments.{assigned.principal_id}", format_assigned(assigned, found.roles)
    return FieldChange(field, before, None, dangerous=True, members=principal.members if principal else None)


def saved_secrets(instance: Instance, found: ObservedInstance, health: JobHealth) -> Mapping[str, str]:
    """Return what is saved; if it may not be read, everything for a job that has run, and nothing otherwise."""
    if found.secrets is not None:
        return found.secrets
    if health.state in NEVER_STARTED:
        return {}
    return dict.fromkeys([*instance.credentials, *build_job_settings(instance, {})], _MASK)


def diff_credentials(
    instance: Instance, saved: Mapping[str, str], health: JobHealth, save_all: bool
) -> tuple[FieldChange, ...]:
    """Return the credentials and settings that are not saved or differ."""
    wanted: dict[str, str | None] = {
        key: None if value.startswith("${") else value for key, value in instance.credentials.items()
    }
    settings = build_job_settings(instance, saved)
    changes = []
    for key, value in (wanted | settings).items():
        before = saved.get(key)
        # Users entering the scope get an account, and users leaving it may lose theirs.
        dangerous = key == "SyncAll" and health.state not in NEVER_STARTED
        if before is None:
            changes.append(FieldChange(f"credentials.{key}", None, "to be saved", dangerous))
        elif save_all and key in instance.credentials:
            changes.append(FieldChange(f"credentials.{key}", "saved", SAVED_AGAIN))
        elif value is not None and before != _MASK and not settings_equal(value, before):
            danger = "scope" if dangerous else ""
            changes.append(FieldChange(f"credentials.{key}", before, value, dangerous, danger=danger))
    return tuple(changes)


def diff_job(
    instance: Instance, found: ObservedInstance, health: JobHealth, paused_by: str | None, force: bool
) -> tuple[FieldChange, ...]:
    """Return the changes for the job to exist and to run or pause as the file says."""
    changes = []
    if health.state == "missing":
        others = " and ".join(sorted(job.template_id or job.id for job in found.jobs)) or None
        wanted = instance.synchronization_template or "default"
        # A second job shares its secrets and assignments with the first.
        changes.append(FieldChange("job", others, wanted, dangerous=others is not None))
    if instance.job == "running" and health.state in NEVER_STARTED:
        changes.append(FieldChange("job_state", health.state, "running"))
    elif instance.job == "running" and _may_be_resumed(health, paused_by, force):
        changes.append(FieldChange("job_state", health.state, "running", dangerous=paused_by != "us"))
    elif instance.job == "paused" and health.state in RUNNING:
        # The result of its last cycle does not matter here.
        changes.append(FieldChange("job_state", "running", "paused"))
    return tuple(changes)


def _may_be_resumed(health: JobHealth, paused_by: str | None, force: bool) -> bool:
    # All held deletions would be carried out, which only a person may allow.
    if health.held_by == TOO_MANY_DELETES:
        return False
    if health.held_by:
        return force
    # Someone who paused a job had a reason that the fleet file does not know.
    return paused_by == "us" or (paused_by == "someone" and force)


def known_credentials(
    instance: Instance, saved: Mapping[str, str], found: ObservedInstance, memory: KnownState
) -> dict[str, Literal["known", "unknown"]]:
    """Return, for each saved credential in the file, whether the store can tell if it has changed."""
    referred = [key for key, value in instance.credentials.items() if value.startswith("${") and key in saved]
    return {key: "known" if memory.knows(found.service_principal_id, key) else "unknown" for key in referred}


def diff_sign_on(wanted: SingleSignOn, found: ObservedSignOn, service_principal_id: str) -> tuple[FieldChange, ...]:
    """Return the fields of `sso` that the application lacks; what others have added to a list is kept.

    Args:
        wanted: The desired state.
        found: The current state; an empty one for an application to be created.
        service_principal_id: Object id of the service principal; empty if there is none yet.
    """
    changes = [
        _scalar("sso.mode", found.mode, wanted.mode),
        _list("sso.identifiers", found.identifiers, wanted.identifiers),
        _list("sso.reply_urls", found.reply_urls, wanted.reply_urls),
        _scalar("sso.relay_state", found.relay_state, wanted.relay_state),
        _list("sso.notification_emails", found.notification_emails, wanted.notification_emails),
    ]
    merge = merge_roles(service_principal_id, wanted.roles, found.roles)
    names = {each.id: each for each in found.roles}
    changes += [FieldChange(f"sso.roles.{each.name}", None, each.value) for each in merge.added]
    changes += [FieldChange(f"sso.roles.{name}", names[id_].display_name, name) for id_, name in merge.renamed.items()]
    changes += [
        FieldChange(f"sso.roles.{each.display_name}", each.value, None, dangerous=True) for each in merge.removed
    ]
    changes.append(_first_certificate(wanted, found))
    return tuple(each for each in changes if each is not None)


def _first_certificate(wanted: SingleSignOn, found: ObservedSignOn) -> FieldChange | None:
    """Return the change of an application that has no certificate to sign with, or one that waits for nobody."""
    there = found.certificates
    if there.active or not there.is_whole:
        return None
    if not there.certificates:
        return FieldChange("sso.certificate", None, f"active for {wanted.certificate.years} years")
    return FieldChange("sso.certificate", "staged", "active") if there.staged else None


def _scalar(field: str, before: str | None, after: str | None) -> FieldChange | None:
    return None if after is None or before == after else FieldChange(field, before, after)


def _list(field: str, there: Collection[str], wanted: Collection[str]) -> FieldChange | None:
    if set(wanted) <= set(there):
        return None
    return FieldChange(field, ", ".join(there) or None, ", ".join(merge_lists(wanted, there)))


def merge_lists(wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    """Return both, those of the file first: the first identifier is the one that Entra ID signs in with."""
    return list(dict.fromkeys([*wanted, *there]))


def find_sign_on_conflict(
    instance: Instance,
    found: ObservedSignOn | None,
    owners: Mapping[str, tuple[IdentifierOwner, ...]],
    application_id: str | None,
) -> Conflict | None:
    """Return why the settings in `sso` cannot be made.

    Args:
        instance: The desired state.
        found: The current state; None if the application is to be created.
        owners: The applications that have the identifiers of the fleet.
        application_id: Object id of the instance's own application.
    """
    if instance.sso is None:
        return None
    for identifier in instance.sso.identifiers:
        for owner in owners.get(identifier, ()):
            if owner.application_id != application_id:
                return Conflict(
                    "IdentifierTaken",
                    f"The identifier {identifier} of {instance.key} belongs to {owner.display_name} "
                    f"({owner.application_id}).",
                    "An identifier is unique in a tenant: give this one another, such as one that ends in #{key}.",
                )
    emails = merge_lists(instance.sso.notification_emails, found.notification_emails if found else ())
    if len(emails) > NOTIFICATION_EMAILS_MAX and not set(instance.sso.notification_emails) <= set(
        found.notification_emails if found else ()
    ):
        return Conflict(
            "TooManyAddresses",
            f"{instance.key} would have {len(emails)} notification addresses; Graph keeps {NOTIFICATION_EMAILS_MAX}.",
            "Remove some in the portal, or use a mailing list.",
        )
    return None

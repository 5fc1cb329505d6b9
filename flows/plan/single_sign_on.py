"""The differences between the single sign-on settings of an application and the fleet file, field by field."""

from collections.abc import Collection, Iterable, Mapping

from flows.fleet_file.models import Instance
from flows.fleet_file.single_sign_on import NOTIFICATION_EMAILS_MAX, SingleSignOn
from flows.plan.plan import Conflict, FieldChange
from flows.tenant.single_sign_on import IdentifierOwner, ObservedSignOn, merge_roles


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

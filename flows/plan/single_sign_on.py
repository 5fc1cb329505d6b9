"""The differences between the single sign-on settings of an application and the fleet file, field by field."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from flows.fleet_file.models import Fleet, Instance
from flows.fleet_file.single_sign_on import NOTIFICATION_EMAILS_MAX, SingleSignOn
from flows.plan.plan import SHARED_CLAIMS, Conflict, FieldChange, InstancePlan
from flows.tenant.ownership_tag import OwnershipTag
from flows.tenant.single_sign_on import (
    FleetPolicies,
    IdentifierOwner,
    ObservedSignOn,
    choose_policy,
    has_definition,
    merge_roles,
)


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


def diff_claims(
    fleet: str, wanted: SingleSignOn, found: ObservedSignOn, claims: FleetPolicies
) -> tuple[FieldChange, ...]:
    """Return how the claims policy and its assignment differ; a policy of others is none of ours.

    Args:
        fleet: Name of the fleet.
        wanted: The desired state.
        found: The current state; an empty one for an application to be created.
        claims: The policies of the fleet.
    """
    assigned = found.claims.display_name if found.claims else None
    if wanted.claims is None:
        return (FieldChange("sso.claims", assigned, None, dangerous=True),) if claims.has(found.claims, fleet) else ()
    name = OwnershipTag(fleet, wanted.claims.name).tag
    # The listing may come from a replica that does not know a new policy yet.
    known = (*claims.policies, found.claims) if found.claims else claims.policies
    policy = choose_policy(known, fleet, wanted.claims.name)
    changes = []
    if policy is None:
        changes.append(FieldChange("sso.claims.definition", None, wanted.claims.text))
    else:
        if policy.display_name != name:
            changes.append(FieldChange("sso.claims.name", policy.display_name, name))
        if not has_definition(policy, wanted.claims):
            before = " ".join(policy.definition) or None
            changes.append(FieldChange("sso.claims.definition", before, wanted.claims.text, dangerous=True))
    if found.claims is None or policy is None or found.claims.id != policy.id:
        changes.append(FieldChange("sso.claims", assigned, name))
    return tuple(changes)


def name_sharers(fleet: Fleet, plans: Iterable[InstancePlan]) -> tuple[InstancePlan, ...]:
    """Return the plans, those that change a claims policy with a warning of how many share it."""
    named = (each.sso.claims for each in fleet.instances if each.sso)
    sharers = Counter(claims.name for claims in named if claims)

    def name(plan: InstancePlan) -> InstancePlan:
        claims = plan.instance.sso.claims if plan.instance.sso else None
        changed = any(each.field in SHARED_CLAIMS and each.before is not None for each in plan.changes)
        if claims is None or not changed or sharers[claims.name] == 1:
            return plan
        # Without their keys: instances with equal texts are one group of the plan.
        count = sharers[claims.name]
        text = f"the claims policy {claims.name} changes at once for all {count} instances that name it, --only or not"
        return replace(plan, warnings=(*plan.warnings, text))

    return tuple(map(name, plans))


def find_claims_conflict(
    fleet: str, instance: Instance, found: ObservedSignOn, known: FleetPolicies
) -> Conflict | None:
    """Return why the claims policy of an instance cannot be assigned: it has someone else's."""
    there = found.claims
    if instance.sso is None or instance.sso.claims is None or there is None or known.has(there, fleet):
        return None
    return Conflict(
        "ClaimsPolicyTaken",
        f"{instance.key} has the claims policy {there.display_name} ({there.id}), which is not one of this fleet.",
        "An application has one: remove that assignment, or take claims out of the fleet file.",
    )


def _first_certificate(wanted: SingleSignOn, found: ObservedSignOn) -> FieldChange | None:
    """Return the change of an application that has no certificate to sign with, or one that is only staged."""
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

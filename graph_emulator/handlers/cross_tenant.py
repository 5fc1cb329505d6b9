"""The cross-tenant access policy: its defaults, its partners, and the identity synchronization of each.

https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicy-overview
https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-put-identitysynchronization
"""

from typing import Any

from graph_emulator.directory.partners import BOTH_WAYS, CONSENT, SETTINGS
from graph_emulator.handlers.call import GUID, Answer, Call, build_page
from graph_emulator.wire.bodies import take
from graph_emulator.wire.odata import allow_options, select, selected
from graph_emulator.wire.problems import bad_request, malformed

EXPANDABLE = "identitySynchronization"
ROOT = "policies/crossTenantAccessPolicy"
PARTNER = "crossTenantAccessPolicyConfigurationPartner"
WRITABLE = {"isServiceProvider": "boolean", **dict.fromkeys((*SETTINGS, *BOTH_WAYS), "object")}
PROPERTIES = ("tenantId", "isServiceProvider", "isInMultiTenantOrganization", *SETTINGS, *BOTH_WAYS)
ALLOWED = {"isSyncAllowed": "boolean"}


def get_policy(call: Call) -> Answer:
    """The policy itself."""
    allow_options(call.options, ("$select",))
    value = {"displayName": "CrossTenantAccessPolicy", "allowedCloudEndpoints": []}
    shown = select(value, selected(call.options, "crossTenantAccessPolicy", value))
    return Answer(200, {"@odata.context": call.context(f"{ROOT}/$entity"), **shown})


def get_default(call: Call) -> Answer:
    """The settings for every tenant that is no partner: those of the service, which cannot be changed here."""
    allow_options(call.options, ("$select",))
    # As Microsoft ships a tenant: collaboration is open, direct connect is closed.
    everyone = {"usersAndGroups": _access("allowed", "AllUsers", "user")}
    open_ = {**everyone, "applications": _access("allowed", "AllApplications", "application")}
    closed = {
        "usersAndGroups": _access("blocked", "AllUsers", "user"),
        "applications": _access("blocked", "AllApplications", "application"),
    }
    trust = ("isMfaAccepted", "isCompliantDeviceAccepted", "isHybridAzureADJoinedDeviceAccepted")
    value = {
        "isServiceDefault": True,
        "inboundTrust": dict.fromkeys(trust, False),
        "b2bCollaborationOutbound": open_,
        "b2bCollaborationInbound": open_,
        "b2bDirectConnectOutbound": closed,
        "b2bDirectConnectInbound": closed,
        "tenantRestrictions": None,
        CONSENT: {"inboundAllowed": False, "outboundAllowed": False},
    }
    names = selected(call.options, "crossTenantAccessPolicyConfigurationDefault", value)
    return Answer(200, {"@odata.context": call.context(f"{ROOT}/default/$entity"), **select(value, names)})


def _access(kind: str, target: str, target_type: str) -> dict[str, Any]:
    return {"accessType": kind, "targets": [{"target": target, "targetType": target_type}]}


def _render(call: Call, body: dict[str, Any], *, created: bool = False) -> dict[str, Any]:
    """A partner as Graph shows it, with the properties of the recording or of today's metadata."""
    declared = call.tenant.settings.partner_form == "declared"
    shown: dict[str, Any] = {}
    # In the order of the body: others' settings are shown as they were written.
    for name, value in body.items():
        if name == "isInMultiTenantOrganization" or (declared and name == "crossCloudMeetingConfiguration"):
            continue
        shown[name] = value
        # The recorded answer to a POST is of 2023, and has no such property.
        if name == "isServiceProvider" and (declared or not created):
            shown["isInMultiTenantOrganization"] = body.get("isInMultiTenantOrganization", False)
    return shown


def _render_synchronization(call: Call, found: dict[str, Any]) -> dict[str, Any]:
    value = {name: each for name, each in found.items() if name != "groupSyncInbound"}
    return {**value, "groupSyncInbound": found.get("groupSyncInbound")} if call.is_beta else value


def _shown(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """The selected properties of a partner, and with `$expand` its identity synchronization."""
    shown = select(_render(call, body), selected(call.options, PARTNER, PROPERTIES))
    wanted = call.options.get("$expand")
    if wanted is None:
        return shown
    if wanted != EXPANDABLE:
        raise malformed(f"Parsing OData Select and Expand failed: Could not find a property named '{wanted[:100]}'.")
    found = call.tenant.partners.find_synchronization(body["tenantId"], call.replica, call.now)
    return {**shown, EXPANDABLE: None if found is None else _render_synchronization(call, found)}


def list_partners(call: Call) -> Answer:
    """The partners."""
    allow_options(call.options, ("$select", "$expand", "$top", "$skiptoken"))
    found = [_shown(call, body) for body in call.tenant.partners.all(call.replica, call.now)]
    return build_page(call, f"{ROOT}/partners", found)


def create_partner(call: Call) -> Answer:
    """Add a partner."""
    body = take(call.body, {"tenantId": "string", **WRITABLE}, required=("tenantId",))
    tenant_id = body.pop("tenantId").lower()
    if not GUID.fullmatch(tenant_id):
        raise bad_request(f"Invalid value specified for property 'tenantId' of resource '{PARTNER}'.")
    _check_consent(body)
    value = call.tenant.partners.create(tenant_id, body, call.now)
    call.tenant.wake_cross_tenant_jobs(tenant_id, call.now)
    context = call.context(f"{ROOT}/partners/$entity")
    return Answer(201, {"@odata.context": context, **_render(call, value, created=True)})


def get_partner(call: Call) -> Answer:
    """One partner."""
    allow_options(call.options, ("$select", "$expand"))
    shown = _shown(call, call.tenant.partners.get(_tenant_id(call), call.replica, call.now))
    return Answer(200, {"@odata.context": call.context(f"{ROOT}/partners/$entity"), **shown})


def patch_partner(call: Call) -> Answer:
    """Change the settings that the body names."""
    changes, tenant_id = take(call.body, WRITABLE), _tenant_id(call)
    _check_consent(changes)
    call.tenant.partners.patch(tenant_id, changes, call.now)
    call.tenant.wake_cross_tenant_jobs(tenant_id, call.now)
    return Answer(204)


def delete_partner(call: Call) -> Answer:
    """Delete a partner."""
    call.tenant.partners.delete(_tenant_id(call), call.now)
    call.tenant.wake_cross_tenant_jobs(_tenant_id(call), call.now)
    return Answer(204)


def get_synchronization(call: Call) -> Answer:
    """The identity synchronization of a partner; v1.0 does not know groups."""
    allow_options(call.options, ("$select",))
    tenant_id = _tenant_id(call)
    value = _render_synchronization(call, call.tenant.partners.synchronization(tenant_id, call.replica, call.now))
    shown = select(value, selected(call.options, "crossTenantIdentitySyncPolicyPartner", value))
    context = call.context(f"{ROOT}/partners('{tenant_id}')/identitySynchronization/$entity")
    return Answer(200, {"@odata.context": context, **shown})


def put_synchronization(call: Call) -> Answer:
    """Add the identity synchronization of a partner."""
    values, tenant_id = _synchronization(call), _tenant_id(call)
    call.tenant.partners.put_synchronization(tenant_id, values, call.now)
    call.tenant.wake_cross_tenant_jobs(tenant_id, call.now)
    return Answer(204)


def patch_synchronization(call: Call) -> Answer:
    """Change the identity synchronization of a partner."""
    changes, tenant_id = _synchronization(call), _tenant_id(call)
    call.tenant.partners.patch_synchronization(tenant_id, changes, call.now)
    call.tenant.wake_cross_tenant_jobs(tenant_id, call.now)
    return Answer(204)


def delete_synchronization(call: Call) -> Answer:
    """Delete the identity synchronization of a partner: nothing is synchronized any more."""
    call.tenant.partners.delete_synchronization(_tenant_id(call), call.now)
    call.tenant.wake_cross_tenant_jobs(_tenant_id(call), call.now)
    return Answer(204)


def _tenant_id(call: Call) -> str:
    return call.parameters["tenantId"].lower()


def _synchronization(call: Call) -> dict[str, Any]:
    # An unknown property in v1.0, so that it is refused there.
    groups = {"groupSyncInbound": "object"} if call.is_beta else {}
    types = {"displayName": "string", "userSyncInbound": "object", **groups}
    body = take(call.body, types)
    for name in ("userSyncInbound", "groupSyncInbound"):
        if body.get(name) is not None:
            take(body[name], ALLOWED)
    return body


def _check_consent(body: dict[str, Any]) -> None:
    for name in BOTH_WAYS:
        if body.get(name) is not None:
            take(body[name], {"inboundAllowed": "boolean", "outboundAllowed": "boolean"})

"""The organization.

https://learn.microsoft.com/graph/api/organization-list
"""

from graph_emulator.handlers.call import Answer, Call
from graph_emulator.wire.query_options import allow_options, select, selected


def list_all(call: Call) -> Answer:
    """The tenant itself."""
    allow_options(call.options, ("$select",))
    settings = call.tenant.settings
    organization = {
        "id": settings.tenant_id,
        "displayName": settings.tenant_name,
        "tenantType": "AAD",
        "verifiedDomains": [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": True,
                "isInitial": True,
                "name": "contoso.example",
                "type": "Managed",
            }
        ],
    }
    names = selected(call.options, "organization", organization)
    return Answer(200, {"@odata.context": call.context("organization"), "value": [select(organization, names)]})

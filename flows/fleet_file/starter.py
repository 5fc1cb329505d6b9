"""The starter fleet file."""

from __future__ import annotations

PLACEHOLDER_TENANT = "00000000-0000-0000-0000-000000000000"

STARTER = """\
# A fleet of provisioning jobs in Microsoft Entra ID.
# 'entra-fleet plan' shows what would change, 'entra-fleet apply' changes it.
# Values are taken literally: no, 012345670123 and 2027-05-01 stay what you see.

# Name of the fleet: a-z, 0-9 and '-', at most 40. Part of the ownership tag of its applications.
fleet: {fleet}
# {tenant_hint}
tenant_id: {tenant_id}

# Shared by all instances, which may override it: maps merge key by key, lists replace.
defaults:
  template: Azure Databricks SCIM Provisioning Connector   # application template, by display name or id
  # synchronization_template: dataBricks   # only if the application has several and no default
  scope: assigned                          # assigned | all
  # notification_email: idops@example.com  # Entra ID reports failures here
  # delete_threshold: 50                   # more deletions than this in one cycle are held
  # skip_out_of_scope_deletions: true      # true keeps the accounts of users who leave the scope
  job: running                             # running | paused | unmanaged
  assignments_mode: add                    # assignments that are not in the file are kept

instances:
  - key: example-1                         # stable identity: a-z, 0-9 and '-', at most 63
    # renamed_from: example                # previous key, when the key changes
    # adopt: 44444444-4444-4444-4444-444444444444   # untagged application to adopt
    display_name: Example 1                # what Entra ID shows, at most 120 characters
    # Graph's credential keys. Secrets are references, one of:
    #   ${{env:NAME}}  ${{file:/absolute/path}}  ${{block:name/field}}  ${{keyvault:vault/name}}
    # Credentials, notes, sso and sign_in may contain {{key}} and {{display_name}}.
    credentials:
      BaseAddress: https://{{key}}.example.com/scim
      SecretToken: ${{env:EXAMPLE_SECRET_TOKEN}}
    # credentials_expire: 2027-05-01       # monitoring warns beforehand
    # assignments:                         # the id decides, the name is checked
    #   - {{group: 11111111-1111-1111-1111-111111111111, name: App users, role: User}}
    #   - {{user: 22222222-2222-2222-2222-222222222222}}
    # owners: [33333333-3333-3333-3333-333333333333]
    # notes: "{{display_name}}, run by the identity team"
    # service_management_reference: CMDB-1234
    # sso: {{identifiers: ["https://{{key}}.example.com/saml"]}}   # single sign-on by SAML
    # cross_tenant: {{tenant_id: 55555555-5555-5555-5555-555555555555}}   # of that template alone: the target

# More instances from other files; CSV has one row each: key,display_name,credentials.BaseAddress,owners.0
# include: [teams/*.yaml, fleet.csv]
"""


def starter_text(tenant_id: str | None = None, *, fleet: str = "my-fleet") -> str:
    """The text of a commented fleet file, which loads unchanged.

    Args:
        tenant_id: the tenant it is for, if known.
        fleet: the name of the fleet.
    """
    hint = "Id of the tenant; sign-ins to any other are refused." if tenant_id else "Put your tenant's id here."
    return STARTER.format(fleet=fleet, tenant_id=tenant_id or PLACEHOLDER_TENANT, tenant_hint=hint)

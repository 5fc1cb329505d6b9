"""Graph's resources, one class each; their methods know paths and bodies, but no status codes."""

from graph_client.resources.audit_logs import DirectoryAudits, ProvisioningLogs
from graph_client.resources.cross_tenant import CrossTenantAccess
from graph_client.resources.directory import (
    Applications,
    ApplicationTemplates,
    DeletedItems,
    Groups,
    ServicePrincipals,
    Users,
)
from graph_client.resources.single_sign_on import ClaimsMappingPolicies, SigningCertificates
from graph_client.resources.synchronization import Synchronization, SynchronizationSchemas
from graph_client.session import Sender

__all__ = [
    "ApplicationTemplates",
    "Applications",
    "ClaimsMappingPolicies",
    "CrossTenantAccess",
    "DeletedItems",
    "DirectoryAudits",
    "Groups",
    "ProvisioningLogs",
    "Resources",
    "ServicePrincipals",
    "SigningCertificates",
    "Synchronization",
    "SynchronizationSchemas",
    "Users",
]


class Resources:
    """All resources over one way of sending."""

    def __init__(self, session: Sender) -> None:
        self.application_templates = ApplicationTemplates(session)
        self.applications = Applications(session)
        self.service_principals = ServicePrincipals(session)
        self.signing_certificates = SigningCertificates(session)
        self.claims_mapping_policies = ClaimsMappingPolicies(session)
        self.cross_tenant_access = CrossTenantAccess(session)
        self.synchronization = Synchronization(session)
        self.synchronization_schemas = SynchronizationSchemas(session)
        self.deleted_items = DeletedItems(session)
        self.provisioning_logs = ProvisioningLogs(session)
        self.directory_audits = DirectoryAudits(session)
        self.users = Users(session)
        self.groups = Groups(session)

"""Graph's resources, a class each; methods know paths and bodies, never a status code."""

from graph_client.sender import Sender

from .application_templates import ApplicationTemplates
from .applications import Applications
from .deleted_items import DeletedItems
from .groups import Groups
from .provisioning_logs import ProvisioningLogs
from .service_principals import ServicePrincipals
from .synchronization import Synchronization
from .synchronization_schemas import SynchronizationSchemas
from .users import Users

__all__ = [
    "ApplicationTemplates",
    "Applications",
    "DeletedItems",
    "Groups",
    "ProvisioningLogs",
    "Resources",
    "ServicePrincipals",
    "Synchronization",
    "SynchronizationSchemas",
    "Users",
]


class Resources:
    """All of them over one way of sending."""

    def __init__(self, session: Sender) -> None:
        self.application_templates = ApplicationTemplates(session)
        self.applications = Applications(session)
        self.service_principals = ServicePrincipals(session)
        self.synchronization = Synchronization(session)
        self.synchronization_schemas = SynchronizationSchemas(session)
        self.deleted_items = DeletedItems(session)
        self.provisioning_logs = ProvisioningLogs(session)
        self.users = Users(session)
        self.groups = Groups(session)

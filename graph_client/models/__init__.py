"""Graph's objects, typed and tolerant."""

from .application import Application, AppRole
from .application_template import ApplicationTemplate
from .moment import Moment, parse_duration, parse_moment
from .on_demand import OnDemandAnswer, OnDemandDetails, OnDemandIdentity, OnDemandStep, SynchronizationRule
from .principal import Group, Member, User
from .provisioning_event import (
    Initiator,
    ModifiedProperty,
    ProvisionedIdentity,
    ProvisioningErrorInfo,
    ProvisioningEvent,
    ProvisioningServicePrincipal,
    ProvisioningStatusInfo,
    ProvisioningStep,
    ProvisioningSystem,
)
from .resource import Entity, Resource
from .service_principal import ApplicationServicePrincipal, AppRoleAssignment, ServicePrincipal
from .synchronization import (
    EntryCount,
    JobSetting,
    MetadataEntry,
    SynchronizationError,
    SynchronizationJob,
    SynchronizationProgress,
    SynchronizationQuarantine,
    SynchronizationSchedule,
    SynchronizationStatus,
    SynchronizationTaskExecution,
    SynchronizationTemplate,
)
from .synchronization_schema import FilterOperator, FunctionParameter, MappingFunction, ParsedExpression, ParseError

__all__ = [
    "AppRole",
    "AppRoleAssignment",
    "Application",
    "ApplicationServicePrincipal",
    "ApplicationTemplate",
    "Entity",
    "EntryCount",
    "FilterOperator",
    "FunctionParameter",
    "Group",
    "Initiator",
    "JobSetting",
    "MappingFunction",
    "Member",
    "MetadataEntry",
    "ModifiedProperty",
    "Moment",
    "OnDemandAnswer",
    "OnDemandDetails",
    "OnDemandIdentity",
    "OnDemandStep",
    "ParseError",
    "ParsedExpression",
    "ProvisionedIdentity",
    "ProvisioningErrorInfo",
    "ProvisioningEvent",
    "ProvisioningServicePrincipal",
    "ProvisioningStatusInfo",
    "ProvisioningStep",
    "ProvisioningSystem",
    "Resource",
    "ServicePrincipal",
    "SynchronizationError",
    "SynchronizationJob",
    "SynchronizationProgress",
    "SynchronizationQuarantine",
    "SynchronizationRule",
    "SynchronizationSchedule",
    "SynchronizationStatus",
    "SynchronizationTaskExecution",
    "SynchronizationTemplate",
    "User",
    "parse_duration",
    "parse_moment",
]

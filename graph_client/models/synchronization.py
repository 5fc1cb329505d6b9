"""Synchronization jobs and templates: their configuration and their status.

https://learn.microsoft.com/graph/api/resources/synchronization-overview
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import Field

from graph_client.models.resource import Entity, Many, Moment, Resource, parse_duration

__all__ = [
    "EntryCount",
    "FilterOperator",
    "FunctionParameter",
    "JobSetting",
    "MappingFunction",
    "MetadataEntry",
    "ParseError",
    "ParsedExpression",
    "SynchronizationError",
    "SynchronizationJob",
    "SynchronizationProgress",
    "SynchronizationQuarantine",
    "SynchronizationSchedule",
    "SynchronizationSecret",
    "SynchronizationStatus",
    "SynchronizationTaskExecution",
    "SynchronizationTemplate",
]


class MetadataEntry(Resource):
    """A key and value of a template; v1.0 and beta spell keys in different case."""

    key: str | None = None
    value: str | None = None


class SynchronizationTemplate(Entity):
    """A connector, from which jobs are created."""

    application_id: str | None = None
    default: bool | None = None
    description: str | None = None
    discoverable: bool | None = None
    factory_tag: str | None = None
    metadata: Many[MetadataEntry] = ()
    mapping_schema: dict[str, Any] | None = Field(default=None, alias="schema")


class SynchronizationSchedule(Resource):
    """When a job runs; `state` is Active, Disabled, Paused or something newer."""

    state: str | None = None
    interval: str | None = None  # PT40M, or .NET's TimeSpan.MaxValue in older samples
    expiration: Moment = None

    @property
    def interval_length(self) -> timedelta | None:
        """The interval as a length of time."""
        return parse_duration(self.interval)


class SynchronizationError(Resource):
    """Why an execution failed, or why a job is in quarantine."""

    code: str | None = None
    message: str | None = None
    tenant_actionable: bool | None = None


class SynchronizationTaskExecution(Resource):
    """One run of a job; `state` is Succeeded, Failed, EntryLevelErrors or something newer."""

    activity_identifier: str | None = None
    state: str | None = None
    time_began: Moment = None
    time_ended: Moment = None
    error: SynchronizationError | None = None
    count_entitled: int | None = None
    count_entitled_for_provisioning: int | None = None
    count_escrowed: int | None = None
    count_escrowed_raw: int | None = None
    count_exported: int | None = None
    count_exports: int | None = None
    count_imported: int | None = None
    count_imported_deltas: int | None = None
    count_imported_reference_deltas: int | None = None


class SynchronizationProgress(Resource):
    """The progress of a cycle."""

    completed_units: int | None = None
    total_units: int | None = None
    units: str | None = None
    progress_observation_date_time: Moment = None


class SynchronizationQuarantine(Resource):
    """Why and since when a job is in quarantine."""

    reason: str | None = None
    current_began: Moment = None
    series_began: Moment = None
    series_count: int | None = None
    next_attempt: Moment = None
    error: SynchronizationError | None = None


class EntryCount(Resource):
    """How many objects of a type are synchronized."""

    key: str | None = None
    value: int | None = None


class SynchronizationStatus(Resource):
    """The status of a job; `code` is NotConfigured, NotRun, Active, Paused, Quarantine or something newer."""

    code: str | None = None
    count_successive_complete_failures: int | None = None
    escrows_pruned: bool | None = None
    last_execution: SynchronizationTaskExecution | None = None
    last_successful_execution: SynchronizationTaskExecution | None = None
    last_successful_execution_with_exports: SynchronizationTaskExecution | None = None
    progress: Many[SynchronizationProgress] = ()
    quarantine: SynchronizationQuarantine | None = None
    steady_state_first_achieved_time: Moment = None
    steady_state_last_achieved_time: Moment = None
    synchronized_entry_count_by_type: Many[EntryCount] = ()
    troubleshooting_url: str | None = None

    @property
    def entry_counts(self) -> dict[str, int]:
        """Synchronized objects by type."""
        return {entry.key: entry.value or 0 for entry in self.synchronized_entry_count_by_type if entry.key}


class JobSetting(Resource):
    """A setting of a job."""

    name: str | None = None
    value: str | None = None


class SynchronizationJob(Entity):
    """A provisioning job; its id is opaque."""

    template_id: str | None = None
    schedule: SynchronizationSchedule | None = None
    status: SynchronizationStatus | None = None
    synchronization_job_settings: Many[JobSetting] = ()


class SynchronizationSecret(Resource):
    """A key and its value; Graph masks sensitive values with "*"."""

    key: str
    value: str | None = Field(default=None, repr=False)


class FilterOperator(Entity):
    """An operator of scoping filters; `arity` is Binary, Unary or something newer."""

    arity: str | None = None
    multivalued_comparison_type: str | None = None
    supported_attribute_types: Many[str] = ()


class FunctionParameter(Resource):
    """A parameter of a function."""

    name: str | None = None
    type: str | None = None
    required: bool | None = None
    allow_multiple_occurrences: bool | None = None


class MappingFunction(Entity):
    """A function of attribute mappings."""

    parameters: Many[FunctionParameter] = ()


class ParseError(Resource):
    """Why an expression cannot be parsed."""

    code: str | None = None
    message: str | None = None
    tenant_actionable: bool | None = None


class ParsedExpression(Resource):
    """A parsed expression: the source of an attribute mapping as JSON, or the error."""

    error: ParseError | None = None
    parsing_succeeded: bool | None = None
    evaluation_succeeded: bool | None = None
    evaluation_result: Many[str] = ()
    parsed_expression: dict[str, Any] | None = None

"""What the event of a quarantine says, as the parameter of a flow."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class QuarantineEvent(BaseModel):
    """The payload of `entra-fleet.job.quarantined`; what else it has is let through."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    fleet: str = Field(min_length=1, description="Name of the fleet.", json_schema_extra={"position": 0})
    key: str = Field(min_length=1, description="Key of the instance.", json_schema_extra={"position": 1})
    tenant_id: str = Field(min_length=1, description="Tenant the job is in.", json_schema_extra={"position": 2})
    job_id: str = Field(min_length=1, description="The provisioning job.", json_schema_extra={"position": 3})
    began_at: datetime = Field(description="When the quarantine began.", json_schema_extra={"position": 4})

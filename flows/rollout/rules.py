"""The rules of a rollout in waves."""

from pydantic import BaseModel, ConfigDict, Field


class CanaryRules(BaseModel):
    """Limits on failures and time in a wave before the rollout is held."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: list[str] = Field([], description="Users to provision on demand in the first wave.")
    failures_percent: float = Field(
        5, ge=0, le=100, description="Newly failing objects allowed per instance, in percent."
    )
    deletes: int = Field(5, ge=0, description="Objects that an instance may delete or disable after its change.")
    instances: int = Field(0, ge=0, description="Unhealthy instances allowed per wave.")
    timeout_minutes: float = Field(120, gt=0, description="How long the jobs of a wave may take to complete a cycle.")
    log_minutes: float = Field(15, ge=0, description="How long to wait for the log to catch up with the jobs.")
    interval_seconds: float = Field(30, gt=0, description="Time between checks.")

"""How a roll-out in waves is judged."""

from pydantic import BaseModel, ConfigDict, Field


class CanaryRules(BaseModel):
    """What may go wrong in a wave before it is held, and how long it may take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: list[str] = Field([], description="Users to provision on demand in the first wave.")
    failures_percent: float = Field(5, ge=0, le=100, description="New failing objects in an instance, in percent.")
    deletes: int = Field(5, ge=0, description="Objects that an instance may delete or disable since its change.")
    instances: int = Field(0, ge=0, description="Instances of a wave that may break these rules.")
    timeout_minutes: float = Field(120, gt=0, description="How long the jobs of a wave may take to end a cycle.")
    log_minutes: float = Field(15, ge=0, description="How long to wait for the log to show what the jobs say they did.")
    interval_seconds: float = Field(30, gt=0, description="Time between two looks.")

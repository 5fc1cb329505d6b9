"""Why a step failed, for people and for programs."""

from typing import Any, Self

from flows.base_error import BUSY, EntraFleetError
from graph_client.errors import Forbidden, GraphError, Unauthorized
from graph_client.redaction import mask

FLEET_BUSY = "FleetBusy"
"""The code of a run that could not start because another run of the same fleet was active."""


class StepFailed(EntraFleetError):
    """A step of one instance failed; retrying it now would not help."""

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        request_id: str | None = None,
        step: str = "",
        denied: bool = False,
    ) -> None:
        super().__init__(mask(message), mask(hint))
        self.code = mask(code)
        self.request_id = mask(request_id) if request_id else None
        self.step = step
        self.denied = denied
        """Whether Graph denied the caller access, as it does when a permission is missing."""
        if code == FLEET_BUSY:
            self.exit_code = BUSY

    def as_json(self) -> dict[str, Any]:
        """Return the failure as `apply --output json` prints it."""
        return {
            "step": self.step,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "request_id": self.request_id,
        }

    @classmethod
    def of(cls, step: str, error: "StepFailed | GraphError") -> Self:
        """Return `error` as a failure of `step`, or of the step that it names."""
        if isinstance(error, GraphError):
            lines = str(error).splitlines()
            hint = lines.pop() if error.hint or error.gave_up else ""
            return cls(
                error.code or type(error).__name__,
                "\n".join(lines),
                hint,
                request_id=error.request_id,
                step=step,
                denied=isinstance(error, (Forbidden, Unauthorized)),
            )
        named, denied = error.step or step, error.denied
        return cls(error.code, error.message, error.hint, request_id=error.request_id, step=named, denied=denied)


KNOWN_ERRORS = (StepFailed, GraphError)
"""What a step may raise that is not a defect."""

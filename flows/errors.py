"""Why a step failed, for people and for programs."""

from typing import Any, Self

from flows.credentials.references import ReferenceError  # a reference in the fleet file's sense  # noqa: A004  # the fleet file's
from graph_client.errors import Forbidden, GraphError, Unauthorized
from graph_client.redaction import mask

FLEET_BUSY = "FleetBusy"
"""The code of a run that could not start because another run of the same fleet was active."""


class StepFailed(Exception):
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
        self.code = mask(code)
        self.message = mask(message)
        self.hint = mask(hint)
        self.request_id = mask(request_id) if request_id else None
        self.step = step
        self.denied = denied
        """Whether Graph denied the caller access, as it does when a permission is missing."""
        super().__init__(self.code, self.message, self.hint, self.request_id, step)

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.message, self.hint)))

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
    def of(cls, step: str, error: "StepFailed | GraphError | ReferenceError") -> Self:
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
        if isinstance(error, ReferenceError):
            message, _, hint = str(error).partition("\n")
            return cls("ReferenceUnresolved", message, hint, step=step)
        named, denied = error.step or step, error.denied
        return cls(error.code, error.message, error.hint, request_id=error.request_id, step=named, denied=denied)


KNOWN_ERRORS = (StepFailed, GraphError, ReferenceError)
"""What a step may raise that is not a defect."""

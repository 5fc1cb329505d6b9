"""A reviewed plan in a file: written by `plan --out`, applied by `apply --plan-file`."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from flows.cli.errors import CommandFailed

if TYPE_CHECKING:
    from flows.plan.plan import Plan

_DIFFERENCES_SHOWN = 2


@dataclass(frozen=True)
class PlanOptions:
    """What a plan depends on besides the fleet file and the tenant."""

    only: list[str] | None = None
    save_credentials: bool = False
    force: bool = False


@dataclass(frozen=True)
class PlanFile:
    """A plan that was reviewed."""

    path: Path
    fleet: str
    digest: str
    options: PlanOptions
    instances: Mapping[str, Mapping[str, Any]] = field(repr=False)
    """What `plan --output json` printed of each instance, by key."""
    digests: Mapping[str, str] = field(repr=False)
    """The digest of each instance's plan, by key."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a plan file.

        Raises:
            CommandFailed: There is no such file, or `plan --out` did not write it.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                path,
                document["fleet"],
                document["digest"],
                PlanOptions(**document["options"]),
                {each["key"]: each for each in document["plan"]["instances"]},
                dict(document["digests"]),
            )
        except OSError as error:
            # Cause: --plan-file cannot be read.
            raise CommandFailed(f"{path}: {error.strerror}", "Create one with plan --out.") from None
        except (ValueError, KeyError, TypeError):
            raise CommandFailed(f"{path} is not a plan file.", "Create one with plan --out.") from None

    def outdated_by(self, plan: "Plan") -> CommandFailed:
        """Return the error for a plan that no longer matches: what differs, in a line or two."""
        now = {each.key: each for each in plan.instances}
        different = [
            _difference(key, self.instances.get(key), found.as_json() if found else None)
            for key, found in {**dict.fromkeys(self.digests), **now}.items()
            if found is None or self.digests.get(key) != found.digest
        ]
        more = f" And {len(different) - _DIFFERENCES_SHOWN} more." if len(different) > _DIFFERENCES_SHOWN else ""
        what = " ".join(different[:_DIFFERENCES_SHOWN]) or "It is for another fleet or tenant."
        # Cause: The fleet file or the tenant has changed since the plan of --plan-file was made.
        return CommandFailed(
            f"{self.path} is out of date; nothing was written.\n{what}{more}",
            "Run plan again, and review the new plan.",
        )


def write_plan_file(path: Path, plan: "Plan", options: PlanOptions) -> None:
    """Write a plan file that only its owner can read.

    Raises:
        CommandFailed: The file cannot be written.
    """
    document = {
        "fleet": plan.fleet,
        "tenant_id": plan.tenant_id,
        "digest": plan.digest,
        "options": asdict(options),
        "planned_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "digests": {each.key: each.digest for each in plan.instances},
        "plan": plan.as_json(),
    }
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)  # an existing file would keep its mode
            json.dump(document, file, indent=2, ensure_ascii=False)
    except OSError as error:
        # Cause: The file of --out cannot be written.
        raise CommandFailed(f"{path}: {error.strerror}", "Name a file in a directory that you can write to.") from None


def _difference(key: str, reviewed: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    """Return how the plan of an instance differs from the reviewed one."""
    if reviewed is None or now is None:
        return f"{key}: {'was not in the plan' if reviewed is None else 'is no longer in the file'}."
    if reviewed["action"] != now["action"]:
        return f"{key}: {reviewed['action']} became {now['action']}."
    before, after = (
        {(each["field"], each["before"], each["after"]) for each in plan["changes"]} for plan in (reviewed, now)
    )
    if fields := sorted({field for field, *_ in before ^ after}):
        return f"{key}: {', '.join(fields)}."
    return f"{key}: its fields in the file or its objects in the tenant changed."

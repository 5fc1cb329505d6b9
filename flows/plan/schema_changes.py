"""The differences between a job's schema and its mappings file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.documents.errors import Problem
from flows.formatting.text import format_count
from flows.mappings.diff import Difference, diff_mappings
from flows.mappings.json_values import digest_json
from flows.mappings.merge import DesiredMapping, desired_mappings
from flows.mappings.models import Mappings
from flows.mappings.validation import find_problems
from flows.plan.plan import Conflict, FieldChange
from flows.tenant.schemas import SchemaLanguage
from graph_client.models import SynchronizationJob


@dataclass(frozen=True)
class SchemaMerge:
    """A mappings file compared with a schema."""

    wishes: tuple[DesiredMapping, ...]
    differences: tuple[Difference, ...]
    problems: tuple[Problem, ...]
    digest: str

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """The differences as changes of a plan."""
        return tuple(
            FieldChange(each.field, each.before, each.after, bool(each.danger), danger=each.danger, origin=each.origin)
            for each in self.differences
        )

    def conflict(self, key: str) -> Conflict | None:
        """Return why the file cannot be applied to an instance, if it cannot."""
        if not self.problems:
            return None
        first = self.problems[0]
        more = f" And {len(self.problems) - 1} more." if len(self.problems) > 1 else ""
        where = f"{first.place}: " if str(first.place) else ""
        return Conflict("MappingsInvalid", f"{where}{first.what} (job of {key}).", f"{first.advice}{more}")


def merge_mappings(
    wanted: Mappings, applied: Mappings | None, language: SchemaLanguage, schema: Mapping[str, Any]
) -> SchemaMerge:
    """Compare a mappings file with a schema.

    Args:
        wanted: The file.
        applied: What was last applied to this job, if known.
        language: What schemas of its template may contain.
        schema: The job's current schema.
    """
    wanted_of, problems = desired_mappings(wanted, applied, language.default, schema)
    problems += find_problems(wanted, wanted_of, schema, language.vocabulary)
    return SchemaMerge(tuple(wanted_of), tuple(diff_mappings(wanted_of)), tuple(problems), digest_json(schema))


def initial_cycle(job: SynchronizationJob | None) -> str:
    """Return the warning about the initial cycle that saving a schema starts, with the number of objects."""
    counts = job.status.entry_counts if job and job.status else {}
    known = format_count({kind.lower() + "s": count for kind, count in counts.items()})
    return f"Saving the mappings starts an initial cycle over {known or 'all objects in scope (number unknown)'}."

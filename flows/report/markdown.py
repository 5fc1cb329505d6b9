"""A report in brief, as Markdown for the Prefect UI."""

from collections.abc import Iterable, Sequence

from flows.formatting.markdown import plain, table
from flows.report.models import Application, Report, statuses_of
from flows.report.text import moment, number, shortened

_ROWS_MAX = 20


def markdown_of(report: Report) -> str:
    """Return states, what needs attention, events by day, errors and coverage; `entra-fleet report` has it all."""
    unwell = [each for each in report.applications if each.triage]
    statuses = statuses_of(report.days.values())
    parts = [
        _line("Jobs", report.states),
        _line("Events", report.statuses),
        *_table("Needs attention", ("app", "cause", "to do"), map(_attention, unwell)),
        *_table("Errors", ("code", "events", "apps", "what to do"), _errors(report)),
        *_table(
            "Events by day",
            ("day", *statuses),
            (
                (str(day), *(number(counts.get(status, 0)) for status in statuses))
                for day, counts in report.days.items()
            ),
        ),
        *(
            f"Harvest of {each.tenant_id} complete up to {moment(each.watermark)}, {len(each.gaps)} gaps."
            for each in report.coverage
        ),
    ]
    return "\n\n".join(parts)


def _line(what: str, counts: dict[str, int]) -> str:
    return f"**{what}:** {', '.join(f'{number(count)} {plain(name)}' for name, count in counts.items()) or 'none'}"


def _attention(application: Application) -> Sequence[str]:
    triage = application.triage
    return (application.name, triage.cause, triage.proposal.in_words) if triage else (application.name, "", "")


def _errors(report: Report) -> Iterable[Sequence[str]]:
    for each in report.errors:
        failure, proposal = each.triage.failure, each.triage.explanation.proposal
        yield failure.error_code or "no code", number(failure.count), number(each.applications), proposal.text


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = [[plain(shortened(cell, 300)) for cell in row] for row in rows][:_ROWS_MAX]
    return [f"### {title}", table(head, body)] if body else []

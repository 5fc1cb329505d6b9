"""A short report as Markdown, for the Prefect UI."""

from collections.abc import Iterable, Sequence

from flows.formatting import escape_markdown, markdown_table
from flows.monitoring.credential_warnings import ExpiringCredential
from flows.monitoring.signing_certificates import ExpiringCertificate
from flows.report.content import Application, Report, count_statuses, format_moment, format_number, shorten_text

_ROWS_MAX = 20  # Prefect's page shows it whole; the HTML report has the rest


def render_markdown(report: Report) -> str:
    """Return states, jobs that need attention, events by day, errors and coverage; `entra-fleet report` has more."""
    unwell = [each for each in report.applications if each.triage]
    statuses = count_statuses(report.days.values())
    parts = [
        _line("Jobs", report.states),
        _line("Events", report.statuses),
        *_table("Needs attention", ("app", "cause", "to do"), map(_attention, unwell)),
        *_table(
            "Expiring credentials and certificates", ("app", "ends", "in days", "to do"), map(_expiry, report.expiring)
        ),
        *_table("Errors", ("code", "events", "apps", "what to do"), _errors(report)),
        *_table(
            "Events by day",
            ("day", *statuses),
            (
                (str(day), *(format_number(counts.get(status, 0)) for status in statuses))
                for day, counts in report.days.items()
            ),
        ),
        *(
            f"Harvest of {each.tenant_id} complete up to {format_moment(each.watermark)}, {len(each.gaps)} gaps."
            for each in report.coverage
        ),
    ]
    return "\n\n".join(parts)


def _line(what: str, counts: dict[str, int]) -> str:
    parts = [f"{format_number(count)} {escape_markdown(name)}" for name, count in counts.items()]
    return f"**{what}:** {', '.join(parts) or 'none'}"


def _attention(application: Application) -> Sequence[str]:
    triage = application.triage
    return (application.name, triage.cause, triage.proposal.in_words) if triage else (application.name, "", "")


def _expiry(each: ExpiringCredential | ExpiringCertificate) -> Sequence[str]:
    return each.key, each.on.isoformat(), format_number(each.days), each.command


def _errors(report: Report) -> Iterable[Sequence[str]]:
    for each in report.errors:
        failure, proposal = each.triage.failure, each.triage.explanation.proposal
        yield (
            failure.error_code or "no code",
            format_number(failure.count),
            format_number(each.applications),
            proposal.text,
        )


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = [[escape_markdown(shorten_text(cell, 300)) for cell in row] for row in rows][:_ROWS_MAX]
    return [f"### {title}", markdown_table(head, body)] if body else []

"""A report as one self-contained HTML page: no network, no scripts."""

from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flows.formatting.text import escape_controls
from flows.monitoring.triage import command_for_all, group_equal
from flows.report.charts import events_by_day, slowest_jobs
from flows.report.models import Application, Report, count_statuses
from flows.report.text import format_duration, format_moment, format_number, shorten_text

_ATTENTION_MAX = 12
_EPISODES_MAX = 200


def render_html(report: Report) -> str:
    """Return the page; all text from outside is escaped."""
    return _environment().get_template("report.html").render(_context(report)) + "\n"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("flows.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_without_controls,
    )
    environment.filters |= {
        "duration": format_duration,
        "moment": format_moment,
        "number": format_number,
        "shortened": shorten_text,
        "for_all": command_for_all,
    }
    return environment


def _without_controls(value: Any) -> Any:
    """Make characters visible that change the direction of writing, which HTML escaping leaves in place."""
    return escape_controls(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _context(report: Report) -> dict[str, Any]:
    days = list(report.days)
    style = _environment().get_template("report.css").render()
    unwell = [each for each in report.applications if each.unwell]
    durations = {format_duration(cycle.seconds) for _, cycle in report.slowest}
    return {
        "report": report,
        "sections": _sections(report, has_unwell=bool(unwell or report.expiring)),
        "title": f"Provisioning report: {', '.join(report.fleets)}" if report.fleets else "Provisioning report",
        "first": days[0],
        "last": days[-1],
        "style": Markup(style),  # noqa: S704  our own file
        "statuses": count_statuses(report.days.values()),
        "attention": _attention(unwell),
        "attention_max": _ATTENTION_MAX,
        "episodes_max": _EPISODES_MAX,
        "events_chart": events_by_day(report),
        # Bars of one length compare nothing.
        "slowest_chart": slowest_jobs(report) if len(durations) > 1 else "",
    }


def _attention(unwell: Sequence[Application]) -> list[list[Application]]:
    """Return the applications that need somebody, those with one cause and remedy together."""
    by_triage = {id(each.triage): each for each in unwell if each.triage}
    groups = [
        [by_triage[id(triage)] for triage in same]
        for same in group_equal(each.triage for each in unwell if each.triage)
    ]
    return groups + [[each] for each in unwell if not each.triage]


def _sections(report: Report, *, has_unwell: bool) -> dict[str, str]:
    """Return the anchor and the title of each section that has something in it."""
    found = {
        "attention": ("Attention", has_unwell),
        "events": ("Events", bool(report.events)),
        "errors": ("Errors", bool(report.errors)),
        "slowest": ("Slowest jobs", bool(report.slowest)),
        "quarantines": ("Quarantines", bool(report.episodes)),
        "applications": ("Applications", True),
        "harvest": ("Harvest", True),
    }
    return {anchor: words for anchor, (words, has_content) in found.items() if has_content}

"""A report as one self-contained HTML page: no network, no scripts."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flows.formatting.text import escape_controls
from flows.report.charts import events_by_day, slowest_jobs
from flows.report.models import Report, count_statuses
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
    }
    return environment


def _without_controls(value: Any) -> Any:
    """Make characters visible that change the direction of writing, which HTML escaping leaves in place."""
    return escape_controls(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _context(report: Report) -> dict[str, Any]:
    days = list(report.days)
    style = _environment().get_template("report.css").render()
    return {
        "report": report,
        "title": f"Provisioning report: {', '.join(report.fleets)}" if report.fleets else "Provisioning report",
        "first": days[0],
        "last": days[-1],
        "style": Markup(style),  # noqa: S704  our own file
        "statuses": count_statuses(report.days.values()),
        "unwell": [each for each in report.applications if each.unwell],
        "attention_max": _ATTENTION_MAX,
        "episodes_max": _EPISODES_MAX,
        "events_chart": events_by_day(report),
        "slowest_chart": slowest_jobs(report) if report.slowest else "",
    }

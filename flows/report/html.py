"""A report as one self-contained HTML page without scripts; its charts are static SVG, for a wide page and a phone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flows.formatting import escape_controls
from flows.monitoring.triage import command_for_all, group_equal
from flows.report.content import (
    STATUSES,
    Application,
    Report,
    count_statuses,
    format_duration,
    format_moment,
    format_number,
    shorten_text,
)

_STEPS_SECONDS = [
    *(1, 5, 15, 30, 60, 300, 900, 1800),
    *(3600 * hours for hours in (1, 2, 4, 6, 12, 24, 48, 96, 168, 336)),
]
_LINE = 18
"""Height of a line of text."""
_GAP = 0.2
"""The share of a bar's slot that stays empty."""


@dataclass(frozen=True)
class Size:
    """The width of a chart, and how much fits on it."""

    width: int
    height: int
    days_labelled: int
    ticks: int
    letters: int
    names_width: int


_WIDE = Size(900, 320, days_labelled=10, ticks=5, letters=40, names_width=270)
_NARROW = Size(360, 280, days_labelled=4, ticks=3, letters=16, names_width=120)


@dataclass(frozen=True)
class Bar:
    """A rectangle in the colour of a status."""

    x: float
    y: float
    width: float
    height: float
    status: str


@dataclass(frozen=True)
class Label:
    """A text, anchored at its start, middle or end."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass
class Chart:
    """The elements that the template draws."""

    title: str
    width: int
    height: int
    guides: list[tuple[float, float, float, float]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


def events_by_day(report: Report) -> Markup:
    """Return the events of each day, stacked by status."""
    names = [f"{day:%d %b}" for day in report.days]
    title = f"Events by day and status, {names[0]} to {names[-1]}" if names else "Events by day and status"
    return _both(lambda size: _stacked(report, names, Chart(title, size.width, size.height), size))


def slowest_jobs(report: Report) -> Markup:
    """Return the longest cycles."""
    title = "The longest cycle of the slowest jobs"
    height = 2 * _LINE + 26 * len(report.slowest)
    return _both(lambda size: _horizontal(report, Chart(title, size.width, height), size))


def _stacked(report: Report, names: Sequence[str], chart: Chart, size: Size) -> Chart:
    statuses = count_statuses(report.days.values())
    highest = max((sum(counts.values()) for counts in report.days.values()), default=0)
    ticks = _round_numbers(highest, size.ticks)
    # SVG cannot measure its texts: a digit is taken for 7 units wide.
    left, right = 7 * max((len(format_number(tick)) for tick in ticks), default=0) + 14, size.width - 10
    # Below the bars are the days and, if there are events, the legend.
    top, bottom = 8, size.height - (3 if statuses else 1) * _LINE
    for tick in (0, *ticks):
        y = bottom - (bottom - top) * tick / max(highest, 1)
        chart.guides.append((left, y, right, y))
        chart.labels.append(Label(left - 6, y + 4, format_number(tick), "end"))
    place = (right - left) / max(len(names), 1)
    # Rounded up.
    every = -(-len(names) // size.days_labelled)
    for index, counts in enumerate(report.days.values()):
        x, y = left + place * index, float(bottom)
        # The first is drawn at the bottom: failures must be visible even if there are few.
        for status in statuses:
            height = (bottom - top) * counts.get(status, 0) / max(highest, 1)
            y -= height
            if height:
                chart.bars.append(Bar(x + place * _GAP / 2, y, place * (1 - _GAP), height, _colour(status)))
        if index % every == 0:
            chart.labels.append(Label(x + place / 2, bottom + _LINE - 4, names[index]))
    if not statuses:
        chart.labels.append(Label((left + right) / 2, (top + bottom) / 2, "no events"))
    _add_legend(chart, statuses, size.height - 6)
    return chart


def _horizontal(report: Report, chart: Chart, size: Size) -> Chart:
    slowest = report.slowest
    longest = slowest[0][1].seconds
    left, right, bottom = size.names_width, size.width - 30, chart.height - _LINE - 8
    for tick in _ticks(longest, size.ticks):
        x = left + (right - left) * tick / longest
        chart.guides.append((x, 8, x, bottom))
        chart.labels.append(Label(x, bottom + _LINE - 4, format_duration(tick)))
    place = (bottom - 8) / len(slowest)
    for index, (application, cycle) in enumerate(slowest):
        y = 8 + place * index
        width = (right - left) * cycle.seconds / longest
        chart.bars.append(Bar(left, y + place * _GAP / 2, width, place * (1 - _GAP), "success"))
        chart.labels.append(Label(left - 8, y + place / 2 + 4, shorten_text(application.name, size.letters), "end"))
    return chart


def _add_legend(chart: Chart, statuses: Sequence[str], y: float) -> None:
    place = min(130, (chart.width - 12) / max(len(statuses), 1))
    for index, status in enumerate(statuses):
        x = place * index + 12
        chart.bars.append(Bar(x, y - 10, 11, 11, _colour(status)))
        chart.labels.append(Label(x + 17, y, shorten_text(status, int(place / 7) - 2), "start"))


def _colour(status: str) -> str:
    # A class name of the stylesheet, and a status that Graph adds later has none.
    return status if status in STATUSES else "other"


def _ticks(seconds: float, count: int) -> list[float]:
    """Return about this many moments of a period, at whole minutes, hours or days."""
    # Ticks are round in units of time: 5 minutes, not 250 seconds.
    step = next((step for step in _STEPS_SECONDS if step * count >= seconds), seconds / count)
    return [step * number for number in range(1, int(seconds / step) + 1)] or [seconds]


def _round_numbers(highest: int, count: int) -> list[int]:
    """Return at most this many round numbers up to the highest."""
    # 1, 2, 5, 10, 20, 50 …
    steps = (digit * 10**power for power in range(len(str(highest)) + 1) for digit in (1, 2, 5))
    step = next(step for step in steps if step * count >= highest)
    return list(range(step, highest + 1, step))


def _both(draw: Callable[[Size], Chart]) -> Markup:
    wide, narrow = _svg(draw(_WIDE), draw(_NARROW))
    return Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(wide, narrow)


def _svg(*charts: Chart) -> Iterator[Markup]:
    """Yield charts as images with an alternative text."""
    environment = Environment(
        loader=PackageLoader("flows.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    template = environment.get_template("chart.svg")
    yield from (Markup(template.render(chart=chart)) for chart in charts)  # noqa: S704  the template escapes


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
        finalize=_without_controls,  # names come from the tenant, and may hold control characters
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
    """Return the applications that need attention, grouped by cause and remedy."""
    by_triage = {id(each.triage): each for each in unwell if each.triage}  # by identity: equal ones may be of several
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

"""Charts as static SVG: drawn twice, for a wide page and for a phone, with the page's own colours."""

import sys
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup
from pygal import Config, HorizontalBar, PluginImportFixer, StackedBar
from pygal.style import Style

from flows.report.contents import Report, statuses_of
from flows.report.words import duration, shortened

# For maps, which we do not draw, pygal hooks into every import, in a way that Python 3.11 warns of.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, PluginImportFixer)]

_WIDE, _NARROW = (900, 320), (360, 280)
_DAYS_LABELLED = {_WIDE: 10, _NARROW: 4}
_STEPS_SECONDS = [
    *(1, 5, 15, 30, 60, 300, 900, 1800),
    *(3600 * hours for hours in (1, 2, 4, 6, 12, 24, 48, 96, 168, 336)),
]
_COLOURS = {
    "failure": "var(--failure)",
    "warning": "var(--warning)",
    "skipped": "var(--skipped)",
    "success": "var(--success)",
}


def events_by_day(report: Report) -> Markup:
    """Return the events of each day, stacked by status."""
    statuses = statuses_of(report.days.values())
    labels = [f"{day:%d %b}" for day in report.days]
    title = f"Events by day and status, {labels[0]} to {labels[-1]}" if labels else "Events by day and status"

    def draw(size: tuple[int, int]) -> Any:
        every = -(-len(labels) // _DAYS_LABELLED[size])
        colours = tuple(_COLOURS.get(status, "var(--other)") for status in statuses)
        chart = StackedBar(
            _config(size, colours, x_labels_major_every=every, show_minor_x_labels=False, truncate_label=-1)
        )
        chart.x_labels = labels
        # The first is drawn at the bottom: what failed is what must be seen where there is little of it.
        for status in statuses:
            chart.add(status, [counts.get(status, 0) for counts in report.days.values()])
        return chart

    return _both(draw, "days", title)


def slowest_jobs(report: Report) -> Markup:
    """Return the longest cycles."""
    slowest = report.slowest[::-1]

    def draw(size: tuple[int, int]) -> Any:
        height = 60 + 26 * len(slowest)
        letters = 40 if size == _WIDE else 16
        chart = HorizontalBar(
            _config((size[0], height), ("var(--success)",), show_legend=False, margin_right=20),
        )
        chart.x_labels = [shortened(application.name, letters) for application, _ in slowest]
        chart.value_formatter = duration
        chart.y_labels = _ticks(slowest[-1][1].seconds, 5 if size == _WIDE else 3)
        chart.add("", [cycle.seconds for _, cycle in slowest])
        return chart

    return _both(draw, "slowest", "The longest cycle of the slowest jobs")


def _ticks(seconds: float, count: int) -> list[float]:
    """Return about as many moments of a time span, all of them whole minutes, hours or days."""
    step = next((step for step in _STEPS_SECONDS if step * count >= seconds), seconds / count)
    return [step * number for number in range(1, int(seconds / step) + 1)] or [seconds]


def _both(draw: Any, name: str, title: str) -> Markup:
    charts = {size: draw(size) for size in (_WIDE, _NARROW)}
    for size, chart in charts.items():
        # The chart's styles hang on this; left alone, it is another one each time.
        chart.uuid = f"{name}-{size[0]}"
    wide, narrow = (_svg(chart, title) for chart in charts.values())
    return Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(wide, narrow)


def _config(size: tuple[int, int], colours: Sequence[str], **settings: Any) -> Config:
    family = "system-ui, sans-serif"
    sizes = {f"{what}_font_size": 11 for what in ("label", "major_label", "legend", "no_data", "value")}
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground="var(--soft)",
        foreground_strong="var(--soft)",
        foreground_subtle="var(--line)",
        guide_stroke_color="var(--line)",
        major_guide_stroke_color="var(--line)",
        guide_stroke_dasharray="none",
        major_guide_stroke_dasharray="none",
        opacity="1",
        opacity_hover="1",
        colors=tuple(colours),
        font_family=family,
        **sizes,
    )
    return Config(
        width=size[0],
        height=size[1],
        style=style,
        js=(),
        explicit_size=False,
        disable_xml_declaration=True,
        legend_at_bottom=True,
        legend_box_size=11,
        margin=4,
        no_data_text="no events",
        show_y_guides=True,
        print_values=False,
        **settings,
    )


def _svg(chart: Any, title: str) -> Markup:
    """Return a chart as an image with a text for those who cannot see it, without scripts and tooltips."""
    root = chart.render_tree()
    for parent in list(root.iter()):
        if parent is not root:
            parent.attrib.pop("id", None)
        for child in list(parent):
            if _superfluous(child):
                parent.remove(child)
    root.attrib.update({"role": "img", "aria-label": title})
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704  ElementTree escapes


def _superfluous(element: Any) -> bool:
    # A comment has a function for its tag.
    return element.tag in {"script", "desc", "title", ElementTree.Comment} or element.get("class") == "tooltip"

"""Draws charts by matplotlib as inline SVG in the colours of the page, each with a title and a summary.

Matplotlib draws with placeholder colours, which are replaced by `currentColor` and CSS variables, so that one picture
suits light mode, dark mode and print. Series differ by colour (Okabe and Ito's palette, for colour-blind readers), and
by hatch, line or marker.
"""

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

WIDTH, HEIGHT = 4.0, 2.6
"""Inches of 72 units each; the page stretches the picture to its column."""
FONT_SIZE = 10
LABEL_CHARACTERS = 42
"""Most characters of all labels under upright bars, with two more for each; if there are more, labels are omitted."""
LEGEND_CHARACTERS = 10
"""Most characters of a label of which three stand in a line of the legend."""

INK, MUTED, _LINE, PAPER = "#010101", "#010102", "#010103", "#010104"
SERIES = ("#010105", "#010106", "#010107")
_PAGE_COLOURS = {
    INK: "currentColor",
    MUTED: "var(--muted)",
    _LINE: "var(--line)",
    PAPER: "var(--paper)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)},
}
_HATCHES = ("", "////", "....")
MARKERS = ("o", "s", "^")
_DASHES = ("-", "--", ":")
_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class Series:
    """The values of one set of bars or of one line; `at` are the x values of a line's points."""

    label: str
    values: Sequence[float]
    at: Sequence[float] = ()


@dataclass(frozen=True)
class Caption:
    """The texts of a chart."""

    name: str
    """Its id, unique on the page."""
    title: str
    summary: str
    """What the picture shows, in a sentence."""
    axes: tuple[str, str]
    """The names of the x axis and the y axis; for bars, of the labels and of the values."""


@dataclass(frozen=True)
class LineStyle:
    """The style of the lines of a chart."""

    diagonal: str = ""
    """The label of a diagonal line through the unit square; '' for no such line."""
    markers: bool = True
    whole_steps: bool = False
    """Mark only whole numbers on the x axis."""
    labels: Sequence[str] = ()
    """The labels of the x values 0, 1, 2 and so on; some may be omitted. Without them the axis has numbers."""
    is_share: bool = False
    """Show the y axis from 0 to 1."""


def draw_bars(
    caption: Caption,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    horizontal: bool = False,
) -> str:
    """Return the SVG of the bars of each series, [n] values, side by side.

    Each of the `horizontal` bars has its label; some labels of upright bars may be omitted.
    """

    def draw(axes: Any) -> None:
        width = 0.86 / len(series)
        for number, each in enumerate(series):
            places = [place + (number - (len(series) - 1) / 2) * width for place in range(len(labels))]
            look = {"label": each.label, "color": SERIES[number], "edgecolor": PAPER, "linewidth": 0.8}
            bars = (axes.barh if horizontal else axes.bar)(places, each.values, width, **look)
            for bar in bars:
                bar.set_hatch(_HATCHES[number])
        if horizontal:
            axes.set_yticks(range(len(labels)), labels)
            axes.invert_yaxis()
            axes.locator_params(axis="x", nbins=5)
        else:
            _label_places(axes, labels)
        axes.grid(axis="x" if horizontal else "y")

    x_y_caption = replace(caption, axes=caption.axes[::-1]) if horizontal else caption
    return draw_svg(x_y_caption, draw, legend=len(series) > 1)


def _label_places(axes: Any, labels: Sequence[str]) -> None:
    """Label the places 0, 1, 2 and so on of the x axis, as many as there is room for."""
    step = math.ceil(sum(len(label) + 2 for label in labels) / LABEL_CHARACTERS)
    axes.set_xticks(range(0, len(labels), step), labels[::step])


def draw_lines(caption: Caption, series: Sequence[Series], style: LineStyle | None = None) -> str:
    """Return the SVG of a line through the points of each series."""
    style = style or LineStyle()

    def draw(axes: Any) -> None:
        if style.diagonal:
            axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", linewidth=1.2, label=style.diagonal)
        for number, each in enumerate(series):
            axes.plot(
                each.at,
                each.values,
                label=each.label,
                color=SERIES[number],
                linestyle=_DASHES[number],
                marker=MARKERS[number] if style.markers else "",
                markersize=5,
                linewidth=2,
            )
        if style.whole_steps:
            axes.set_xticks(sorted({int(place) for each in series for place in each.at}))
        if style.labels:
            _label_places(axes, style.labels)
        if style.is_share:
            axes.set_ylim(-0.03, 1.03)
        axes.grid()

    return draw_svg(caption, draw, legend=len(series) > 1 or bool(style.diagonal))


def draw_svg(caption: Caption, draw: Callable[[Any], None], *, legend: bool) -> str:
    """Call `draw` with empty axes and return the picture as SVG."""
    import logging

    # Matplotlib logs a warning when it builds its font cache.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_make_settings(caption.name)):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.set_axisbelow(True)
        axes.set_xlabel(caption.axes[0])
        axes.set_ylabel(caption.axes[1])
        if legend:
            longest = max(map(len, axes.get_legend_handles_labels()[1]))
            columns = 3 if longest <= LEGEND_CHARACTERS else 2
            figure.legend(loc="outside upper left", ncols=columns, frameon=False, borderaxespad=0.1)
        out = io.StringIO()
        # `savefig` would draw everything twice.
        FigureCanvasSVG(figure).print_svg(out, metadata=_NO_METADATA)
    return _fit_chart_into_page(out.getvalue(), caption)


def _make_settings(name: str) -> dict[str, Any]:
    """Return matplotlib's settings for a chart; its name makes the ids in its SVG reproducible."""
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": FONT_SIZE,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "text.color": INK,
        "text.parse_math": False,
        "axes.edgecolor": _LINE,
        "axes.labelcolor": MUTED,
        "axes.grid.axis": "both",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.formatter.useoffset": False,
        "axes.unicode_minus": False,
        "grid.color": _LINE,
        "grid.linewidth": 0.8,
        "xtick.color": _LINE,
        "ytick.color": _LINE,
        "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED,
        "ytick.major.size": 0,
        "hatch.linewidth": 1.2,
    }


def _fit_chart_into_page(svg: str, caption: Caption) -> str:
    """Return matplotlib's SVG adapted to a page: unique ids, the page's fonts and colours, no metadata or addresses."""
    from html import escape

    name, title, summary = caption.name, escape(caption.title), escape(caption.summary)
    view_box = re.search(r'viewBox="([\d. ]+)"', svg)
    box = view_box.group(1) if view_box else f"0 0 {72 * WIDTH:g} {72 * HEIGHT:g}"
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', body)
    body = body.replace("url(#", f"url(#{name}-")
    body = re.sub(r"font: ?(?:[\w.]+ )*?([\d.]+)px [^;\"]*", r"font-size: \1px", body)
    body = re.sub(r"font-family: ?[^;\"]*;? ?", "", body)
    for placeholder, colour in _PAGE_COLOURS.items():
        body = body.replace(placeholder, colour)
    head = (
        f'<svg viewBox="{box}" role="img" aria-labelledby="{name}-title {name}-summary">'
        f'<title id="{name}-title">{title}</title><desc id="{name}-summary">{summary}</desc>'
    )
    return head + re.sub(r"\s*\n\s*", "\n", body)

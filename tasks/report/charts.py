"""Charts as inline SVG that takes the page's own colours, by matplotlib; with a title and a table of the figures.

What is drawn gets placeholder colours, which become `currentColor` and CSS variables: so one picture follows light
and dark mode and print. Series differ by colour (Okabe and Ito's, for the colour-blind), and by hatch, line or marker.
"""

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 4.0, 2.6
"""Inches of 72 units each; the page stretches the picture to its column."""
FONT_SIZE = 10
LABEL_CHARACTERS = 42
"""What the labels under the bars may have together, with two of room each; where they have more, some are left out."""

INK, MUTED, _LINE, PAPER = "#010101", "#010102", "#010103", "#010104"
SERIES = ("#010105", "#010106", "#010107")
_STANDS_FOR = {
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
class Chart:
    """A picture with what it says, for those who see it and those who don't."""

    name: str
    """Its id on the page, which no other chart has."""
    title: str
    summary: str
    """What the picture shows, in a sentence."""
    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The figures as text, by `columns`."""


@dataclass(frozen=True)
class Series:
    """Values with one look; `at` are their places where they are points of a line."""

    label: str
    values: Sequence[float]
    at: Sequence[float] = ()


def draw_bars(
    name: str,
    title: str,
    summary: str,
    labels: Sequence[str],
    series: Sequence[Series],
    axes_names: tuple[str, str],
    write: Callable[[float], str],
    *,
    lying: bool = False,
) -> Chart:
    """Draw bars, [n] a series, side by side; `write` gives a value as text for the table.

    `axes_names` are of the labels and the values. Where bars are `lying`, one below the other, no label is left out.
    """

    def draw(axes: Any) -> None:
        width = 0.86 / len(series)
        for number, each in enumerate(series):
            places = [place + (number - (len(series) - 1) / 2) * width for place in range(len(labels))]
            look = {"label": each.label, "color": SERIES[number], "edgecolor": PAPER, "linewidth": 0.8}
            bars = (axes.barh if lying else axes.bar)(places, each.values, width, **look)
            for bar in bars:
                bar.set_hatch(_HATCHES[number])
        if lying:
            axes.set_yticks(range(len(labels)), labels)
            axes.invert_yaxis()
            axes.locator_params(axis="x", nbins=5)
        else:
            step = math.ceil(sum(len(label) + 2 for label in labels) / LABEL_CHARACTERS)
            axes.set_xticks(range(0, len(labels), step), labels[::step])
        axes.grid(axis="x" if lying else "y")

    rows = [(label, *(write(each.values[place]) for each in series)) for place, label in enumerate(labels)]
    drawn_names = axes_names[::-1] if lying else axes_names
    svg = draw_picture(name, title, summary, draw, drawn_names, legend=len(series) > 1)
    return Chart(name, title, summary, svg, (axes_names[0], *(each.label for each in series)), tuple(rows))


def draw_lines(
    name: str,
    title: str,
    summary: str,
    series: Sequence[Series],
    axes_names: tuple[str, str],
    columns: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    *,
    diagonal: str = "",
    markers: bool = True,
    whole_steps: bool = False,
) -> Chart:
    """Draw lines through points; `diagonal` names a line from corner to corner of the unit square.

    `whole_steps` marks whole numbers alone on the x axis.
    """

    def draw(axes: Any) -> None:
        if diagonal:
            axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", linewidth=1.2, label=diagonal)
        for number, each in enumerate(series):
            axes.plot(
                each.at,
                each.values,
                label=each.label,
                color=SERIES[number],
                linestyle=_DASHES[number],
                marker=MARKERS[number] if markers else "",
                markersize=5,
                linewidth=2,
            )
        if whole_steps:
            axes.set_xticks(sorted({int(place) for each in series for place in each.at}))
        axes.grid()

    svg = draw_picture(name, title, summary, draw, axes_names, legend=len(series) > 1 or bool(diagonal))
    return Chart(name, title, summary, svg, columns, tuple(rows))


def draw_picture(
    name: str,
    title: str,
    summary: str,
    draw: Callable[[Any], None],
    axes_names: tuple[str, str],
    *,
    legend: bool,
) -> str:
    """Draw on empty axes and give the picture as SVG."""
    import logging

    # It tells of its font cache, which is no one's business here.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_look(name)):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.set_axisbelow(True)
        axes.set_xlabel(axes_names[0])
        axes.set_ylabel(axes_names[1])
        if legend:
            figure.legend(loc="outside upper left", ncols=3, frameon=False, borderaxespad=0.1)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata=_NO_METADATA)
    return fit_into_page(out.getvalue(), name, title, summary)


def _look(name: str) -> dict[str, Any]:
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": FONT_SIZE,
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


def fit_into_page(svg: str, name: str, title: str, summary: str) -> str:
    """Make a picture of matplotlib's part of a page: its ids unique, its fonts and colours the page's, no address."""
    from html import escape

    found = re.search(r'viewBox="([\d. ]+)"', svg)
    box = found.group(1) if found else f"0 0 {72 * WIDTH:g} {72 * HEIGHT:g}"
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', body)
    body = body.replace("url(#", f"url(#{name}-")
    body = re.sub(r"font: ?(?:[\w.]+ )*?([\d.]+)px [^;\"]*", r"font-size: \1px", body)
    body = re.sub(r"font-family: ?[^;\"]*;? ?", "", body)
    for colour, stands_for in _STANDS_FOR.items():
        body = body.replace(colour, stands_for)
    head = (
        f'<svg viewBox="{box}" role="img" aria-labelledby="{name}-title {name}-summary">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-summary">{escape(summary)}</desc>'
    )
    return head + re.sub(r"\s*\n\s*", "\n", body)

"""Draws the pictures of `docs/models.md` as SVG files that follow light and dark mode. Needs matplotlib.

They are drawn like the charts of a report, with the same kind of text for readers who don't see them.
"""

import re
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.models_figures import (
    Results,
    find_best,
    find_lengths,
    group_models,
    list_rivals,
    pool_reliability,
)
from tasks.pages import svg_charts
from tasks.pages.rendering import TEMPLATES
from tasks.pages.svg_charts import INK, MARKERS, MUTED, PAPER, SERIES, Caption, Chart, Series

STYLE = TEMPLATES / "style.css"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif"
LABEL_GAP = 0.075
"""The smallest distance of two labels beside points, as a share of the picture's height."""
MARGIN = 10
"""The margin around a picture, in its units of 1/72 inch."""
SCALE = 1.6
"""Pixels on a page for each unit."""
SIDES_DRAWN = 3
"""The number of series that the charts of a report can distinguish."""


def draw_all(results: Results) -> dict[str, Chart]:
    """Draw all pictures; return them by file name."""
    pictures = (
        draw_accuracy(results),
        draw_reliability(results),
        draw_by_length(results),
        draw_speed(results),
    )
    return {f"{picture.name}.svg": picture for picture in pictures}


def draw_accuracy(results: Results) -> Chart:
    """Draw each variant's test accuracies: a point for each seed, the median, and the baseline as a line."""
    accuracies = {
        name: [model["test"]["accuracy"] for model in models]
        for name, models in group_models(results).items()
    }
    baseline = results["baseline"]["test_accuracy"]
    medians = {name: statistics.median(values) for name, values in accuracies.items()}

    def draw(axes: Any) -> None:
        for place, values in enumerate(accuracies.values()):
            axes.plot([min(values), max(values)], [place, place], color=SERIES[0], linewidth=2)
            axes.plot(
                values, [place] * len(values), "o", color=SERIES[0], markersize=6, markeredgecolor=PAPER
            )
            axes.plot([statistics.median(values)], [place], "D", color=INK, markersize=6)
        axes.axvline(baseline, color=SERIES[1], linestyle="--", linewidth=1.6)
        axes.text(baseline, -0.75, "linear baseline", color=MUTED, ha="center", va="bottom")
        axes.set_yticks(range(len(accuracies)), list(accuracies))
        axes.set_ylim(len(accuracies) - 0.5, -0.8)
        axes.locator_params(axis="x", nbins=6)
        axes.grid(axis="x")

    figures = ", ".join(f"{name} {value:.3f}" for name, value in medians.items())
    summary = (
        f"One point per seed, a diamond for their median: {figures}; the linear baseline {baseline:.3f}."
    )
    title = "Test accuracy by variant"
    return _make(draw, Caption("models-accuracy", title, summary, ("test accuracy", "")))


def draw_reliability(results: Results) -> Chart:
    """Draw the share of positive reviews over the mean score, for all seeds of the best variant together."""
    best = find_best(results)
    bins = pool_reliability(group_models(results)[best])
    mean_scores, shares = [each["mean_score"] for each in bins], [each["share_positive"] for each in bins]
    widest = max(abs(a - b) for a, b in zip(mean_scores, shares, strict=True))
    summary = (
        f"In tenths of the score of {best}, mean score and share of positives differ by at most {widest:.2f}."
    )
    names, series = ("mean score", "share positive"), [Series(best, shares, mean_scores)]
    title = "Calibration of the best variant"
    style = svg_charts.LineStyle(diagonal="a perfect score")
    return svg_charts.draw_lines(
        Caption("models-reliability", title, summary, names), series, names, (), style
    )


def name_length_ranges(starts: Sequence[int]) -> list[str]:
    """Name the length ranges in a report, by the number of words at which each starts, [n]: `1-49`, `1,000 and more`.

    A range that begins at 0 is shown from 1, since no scored text has 0 words.
    """
    ends = [f"-{after - 1:,}" for after in starts[1:]]
    return [f"{max(start, 1):,}{end}" for start, end in zip(starts, [*ends, " and more"], strict=True)]


def draw_by_length(results: Results) -> Chart:
    """Draw test accuracy by length of review, for the best variant and seed variants."""
    shown = [find_best(results), *reversed(list_rivals(results))][:SIDES_DRAWN]
    models = group_models(results)
    found = {name: find_lengths(models[name]) for name in shown}
    words = sorted(set.intersection(*(set(each) for each in found.values())))
    series = [
        Series(name, [each[number] for number in words], range(len(words))) for name, each in found.items()
    ]
    labels = name_length_ranges(words) if words else []
    worst = min(words, key=found[shown[0]].__getitem__, default=0)

    def draw(axes: Any) -> None:
        for number, each in enumerate(series):
            look = {"color": SERIES[number], "marker": MARKERS[number], "markersize": 5, "linewidth": 2}
            axes.plot(each.at, each.values, label=each.label, **look)
        axes.set_xticks(range(len(words)), [str(number) for number in words])
        axes.grid(axis="y")

    least = dict(zip(words, labels, strict=True)).get(worst, "no").replace("-", " to ")
    summary = f"Medians of the seeds: {shown[0]} is least accurate on reviews of {least} words."
    title = "Test accuracy by length"
    return _make(
        draw, Caption("models-length", title, summary, ("words, from", "test accuracy")), legend=True
    )


def draw_speed(results: Results) -> Chart:
    """Draw each variant's median test accuracy over how fast it scores."""
    accuracies = {
        name: statistics.median(model["test"]["accuracy"] for model in models)
        for name, models in group_models(results).items()
    }
    speeds = {name: results["speed"][name]["ratio"] for name in accuracies}

    def draw(axes: Any) -> None:
        axes.margins(x=0.2, y=0.15)
        for name, accuracy in accuracies.items():
            axes.plot([speeds[name]], [accuracy], "o", color=SERIES[0], markersize=7, markeredgecolor=PAPER)
        low, high = axes.get_ylim()
        middle = sum(axes.get_xlim()) / 2
        heights = spread_labels(list(accuracies.values()), LABEL_GAP * (high - low))
        for (name, speed), height in zip(speeds.items(), heights, strict=True):
            away, side = (8, "left") if speed <= middle else (-8, "right")
            place = {"xytext": (away, 0), "textcoords": "offset points", "va": "center", "ha": side}
            axes.annotate(name, (speed, height), color=INK, **place)
        axes.grid()

    figures = ", ".join(f"{name} {accuracies[name]:.3f} at {speeds[name]:.1f}" for name in accuracies)
    summary = f"Median test accuracy by speed, as a multiple of model.predict of lstm: {figures}."
    names = ("reviews/s, as a multiple of model.predict of lstm", "test accuracy")
    return _make(draw, Caption("models-speed", "Accuracy and speed of scoring", summary, names))


def spread_labels(heights: Sequence[float], gap: float) -> list[float]:
    """Move heights up as little as it takes for two to be `gap` apart, each in its place of the order."""
    moved, last = list(heights), float("-inf")
    for place in sorted(range(len(heights)), key=heights.__getitem__):
        last = moved[place] = max(heights[place], last + gap)
    return moved


def _make(draw: Any, caption: Caption, *, legend: bool = False) -> Chart:
    svg = svg_charts.draw_svg(caption, draw, legend=legend)
    return Chart(caption.name, caption.title, caption.summary, svg, (), ())


def make_standalone(chart: Chart) -> str:
    """Return a chart as an SVG file with its own colours, for light and dark mode, and font, which a page would set."""
    palette = re.sub(r"\s*\n\s*", "\n", STYLE.read_text("utf-8").partition("*,")[0].strip())
    style = f"{palette}\nsvg {{ color: var(--ink); background: var(--paper); font-family: {FONT}; }}"
    opening, rest = chart.svg.split(">", 1)
    opening = opening.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    opening = re.sub(r'viewBox="([^"]+)"', _widen, opening)
    return f"{opening}>\n<style>{style}</style>\n{rest.strip()}\n"


def _widen(box: re.Match[str]) -> str:
    """Return the attributes of an SVG with a margin around its view box, and a default size."""
    left, top, width, height = (float(number) for number in box[1].split())
    sides = (left - MARGIN, top - MARGIN, width + 2 * MARGIN, height + 2 * MARGIN)
    size = f'width="{SCALE * sides[2]:g}" height="{SCALE * sides[3]:g}"'
    return f'{size} viewBox="{" ".join(f"{side:g}" for side in sides)}"'

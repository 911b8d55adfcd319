"""Draws how the cost of runs, and the time of the views, change as the history grows (`benchmarks/growth.py`)."""

from collections.abc import Mapping
from typing import Any

from benchmarks.plots import COLOURS
from deployments.installation_paths import PROJECT_ROOT

PLOT = PROJECT_ROOT / "docs" / "images" / "growth.svg"
STYLES = ("-", "--", ":")
"""With the colours these give each view a line of its own."""

Seconds = Mapping[tuple[int, int], float]
"""Of a run, by the scored rows before it and its new reviews."""
Views = Mapping[int, Mapping[str, float]]
"""Seconds of each query, by the number of scored rows."""


def draw(runs: Seconds, views: Views) -> None:
    """Draw the time of runs beside that of the views, both over the number of scored rows."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "growth"  # the same figures give the same file
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_runs(left, runs)
    _draw_views(right, views)
    for axes in (left, right):
        axes.set_xlabel("scored rows in the database, millions")
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, metadata={"Date": None})


def _draw_runs(axes: Any, runs: Seconds) -> None:
    """Draw a line for each number of new reviews: the time of a run as a ratio to that with the least history."""
    least = min(rows for rows, _ in runs)
    for colour, new in zip(COLOURS, sorted({new for _, new in runs}), strict=False):
        sizes = sorted(rows for rows, reviews in runs if reviews == new)
        ratios = [runs[rows, new] / runs[least, new] for rows in sizes]
        axes.plot(
            [rows / 1e6 for rows in sizes], ratios, marker="o", color=colour, label=f"{new:,} new reviews"
        )
    axes.set_ylabel(f"time of a run, with {least:,} scored rows = 1")
    axes.set_title("A run")
    axes.legend(fontsize=8, frameon=False)


def _draw_views(axes: Any, views: Views) -> None:
    """Draw a line for each query of a view: its seconds."""
    sizes = sorted(views)
    for number, sql in enumerate(views[sizes[0]]):
        style = STYLES[number // len(COLOURS) % len(STYLES)]
        seconds = [views[rows][sql] for rows in sizes]
        colour = COLOURS[number % len(COLOURS)]
        axes.plot([rows / 1e6 for rows in sizes], seconds, style, marker=".", color=colour, label=sql)
    axes.set_ylabel("seconds of a query")
    axes.set_title("The views")
    axes.legend(fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False)

"""Draws the plot of `make bench` as SVG: the speed of scoring engines, and the time for a review by file size."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.whole_flow import STAGES

COLOURS = ("#0072b2", "#56b4e9", "#009e73", "#e69f00", "#cc79a7", "#d55e00")
"""Colours that colour-blind readers can distinguish too (Okabe and Ito)."""
BASE_ROWS = "100000"

Figures = Mapping[str, Mapping[str, float]]


def draw(engine: Figures, sizes: Figures, path: Path) -> None:
    """Draw the speed as ratios to `model.predict`, and for each size of file the time for a review by stage."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "benchmarks"  # the same figures give the same file
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_engine(left, engine)
    _draw_sizes(right, sizes)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _draw_engine(axes: Any, engine: Figures) -> None:
    ways = list(dict.fromkeys(way for ratios in engine.values() for way in ratios))
    height = 0.8 / max(len(ways), 1)
    for number, way in enumerate(ways):
        places = [place for place, ratios in enumerate(engine.values()) if way in ratios]
        values = [ratios[way] for ratios in engine.values() if way in ratios]
        bars = axes.barh(
            [place + number * height for place in places],
            values,
            height,
            label=way.replace("`", ""),
            color=COLOURS[number],
        )
        axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
    axes.set_yticks([place + 0.4 - height / 2 for place in range(len(engine))], list(engine))
    axes.invert_yaxis()
    axes.set_xlabel("reviews/s, as a multiple of model.predict")
    axes.set_title("Scoring, the same reviews and scores")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_sizes(axes: Any, sizes: Figures) -> None:
    base = sizes.get(BASE_ROWS, {}).get("total", 1.0) / int(BASE_ROWS)
    bottom = [0.0] * len(sizes)
    names = [f"{int(size):,}" for size in sizes]
    for colour, stage in zip(COLOURS, STAGES, strict=True):
        values = [max(figures[stage], 0) / int(size) / base for size, figures in sizes.items()]
        axes.bar(names, values, bottom=bottom, label=stage, color=colour, width=0.6)
        bottom = [low + value for low, value in zip(bottom, values, strict=True)]
    axes.set_xlabel("reviews in one CSV, lstm")
    axes.set_ylabel(f"time of a review, {int(BASE_ROWS):,} = 1")
    axes.set_title("The whole flow after start-up")
    axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)

"""Draws the charts of the page of the models: how true scores are, and accuracy by length, on the test reviews."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.pages.formatting import cut_name, format_share
from tasks.pages.sections import Row
from tasks.pages.svg_charts import Caption, Chart, LineStyle, Series, draw_lines
from tasks.report.names_and_commands import name_length_ranges

MODELS_DRAWN = 3
"""Most models in a chart, since more lines can't be told apart; the tables have all."""
NAME_SHOWN = 12
"""Most characters of a model's name in a legend."""


def draw_models(models: Sequence[Row]) -> tuple[Chart, ...]:
    """Draw the charts of the first of these models, which are rows of `ModelsFacts`."""
    shown = {row["model_id"]: row["evaluations"] for row in models[:MODELS_DRAWN]}
    return (*_draw_reliability(shown), *_draw_by_length(shown))


def name_lines(model_ids: Sequence[str]) -> dict[str, str]:
    """Return a short name for each model: variant and seed or, where these are long or not its alone, its digest."""
    parts = {model_id: model_id.rpartition("-") for model_id in model_ids}
    made = [head for head, _, _ in parts.values()]
    return {
        model_id: cut_name(
            head if made.count(head) == 1 and 0 < len(head) <= NAME_SHOWN else digest, NAME_SHOWN
        )
        for model_id, (head, _, digest) in parts.items()
    }


def _draw_reliability(models: Mapping[str, Mapping[str, Any]]) -> tuple[Chart, ...]:
    """Draw the share of positive reviews by score."""
    found = {model_id: (each.get("test") or {}).get("reliability") for model_id, each in models.items()}
    drawn = {model_id: bins for model_id, bins in found.items() if bins}
    if not drawn:
        return ()
    called = name_lines([*drawn])
    series = [
        Series(called[name], [each["share_positive"] for each in bins], [each["mean_score"] for each in bins])
        for name, bins in drawn.items()
    ]
    rows = [
        (cut_name(name), f"{each['mean_score']:.3f}", f"{each['share_positive']:.3f}", f"{each['reviews']:,}")
        for name, bins in drawn.items()
        for each in bins
    ]
    names = ("mean score", "share positive")
    summary = (
        "Of the test reviews, by tenths of the score. On the diagonal a score is the share that is positive."
    )
    caption, style = Caption("calibration", "Calibration", summary, names), LineStyle(diagonal="perfect")
    return (draw_lines(caption, series, ("model", *names, "reviews"), rows, style),)


def _draw_by_length(models: Mapping[str, Mapping[str, Any]]) -> tuple[Chart, ...]:
    """Draw the accuracy by length of those models that were tested on the same ranges of words as the first."""
    found = {model_id: each.get("by_length") or [] for model_id, each in models.items()}
    starts = next(([each["from_words"] for each in ranges] for ranges in found.values() if ranges), [])
    drawn = {
        model_id: [each["accuracy"] for each in ranges]
        for model_id, ranges in found.items()
        if starts and [each["from_words"] for each in ranges] == starts
    }
    if not drawn:
        return ()
    called = name_lines([*drawn])
    series = [Series(called[name], values, list(range(len(starts)))) for name, values in drawn.items()]
    rows = [
        (label, *(format_share(values[place]) for values in drawn.values()))
        for place, label in enumerate(name_length_ranges(starts))
    ]
    summary = "Of the test reviews, by the number of their words."
    caption = Caption("lengths", "Right by length", summary, ("words, from", "share right"))
    style = LineStyle(labels=[f"{number:,}" for number in starts])
    return (draw_lines(caption, series, ("words", *map(cut_name, drawn)), rows, style),)

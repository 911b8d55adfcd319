"""Draws the charts of a report from the facts of a run, each with its title, summary and figures."""

import math
from collections.abc import Sequence

from tasks.pages.formatting import format_share
from tasks.pages.svg_charts import Caption, Chart, LineStyle, Series, draw_bars, draw_lines
from tasks.report.names_and_commands import name_length_ranges, name_measure
from tasks.report.run_choice import Row
from tasks.report.scoring_facts import LENGTHS_FROM, SCORE_BINS, ScoringFacts
from tasks.report.training_facts import TrainingFacts
from tasks.support.wording import count

STARS = range(1, 11)
POINTS_LISTED = 21
"""About how many points of a curve are in the table of its figures."""


def draw_scoring(facts: ScoringFacts) -> tuple[Chart, ...]:
    """Draw the scores, ratings and lengths of a scoring run."""
    if facts.reviews_scored == facts.not_counted:
        return ()
    return (_draw_scores(facts), _draw_ratings(facts), _draw_lengths(facts))


def _draw_scores(facts: ScoringFacts) -> Chart:
    """Draw the scores of a scoring run for its report."""
    labels = [f"{number / SCORE_BINS:.2f}".removesuffix("0") for number in range(SCORE_BINS)]
    positive = sum(facts.scores[SCORE_BINS // 2 :])
    summary = f"{positive:,} of {sum(facts.scores):,} reviews have a score of 0.5 or more, which is positive."
    series = [Series("reviews", facts.scores)]
    return draw_bars(
        Caption("scores", "Scores", summary, ("score, from", "reviews")), labels, series, _format_count
    )


def _draw_ratings(facts: ScoringFacts) -> Chart:
    """Draw the predicted ratings of a scoring run for its report."""
    predicted, given = ([facts.ratings.get(stars, (0, 0))[place] for stars in STARS] for place in (0, 1))
    series = [Series("predicted", predicted)]
    if any(given):
        series.append(Series("given by the writer", given))
    total = sum(row["mean_predicted_rating"] * row["counted"] for row in facts.models if row["counted"])
    summary = (
        f"The mean predicted rating is {total / (facts.reviews_scored - facts.not_counted):.1f} of 10 stars; "
        f"{count(sum(given), 'writer')} gave one themselves."
    )
    labels, names = [str(stars) for stars in STARS], ("stars, rounded", "reviews")
    return draw_bars(Caption("ratings", "Ratings", summary, names), labels, series, _format_count)


def _draw_lengths(facts: ScoringFacts) -> Chart:
    """Draw the lengths of the reviews of a scoring run."""
    values = [facts.lengths.get(words, 0) for words in LENGTHS_FROM]
    most = max(range(len(values)), key=values.__getitem__)
    labels, names = name_length_ranges(LENGTHS_FROM), ("words", "reviews")
    summary = (
        f"The most common length is {labels[most].replace('-', ' to ')} words, "
        f"with {count(values[most], 'review')}."
    )
    series = [Series("reviews", values)]
    return draw_bars(
        Caption("lengths", "Lengths", summary, names), labels, series, _format_count, horizontal=True
    )


def draw_drift(facts: ScoringFacts) -> tuple[Chart, ...]:
    """Draw a chart for each model and measure: the run's shares beside those of the model's held-out reviews."""
    return tuple(_draw_measure(row, number) for number, row in enumerate(facts.drift, start=1))


def _draw_measure(row: Row, number: int) -> Chart:
    """Draw a measure's shares in a run beside those of the held-out reviews."""
    measure = name_measure(row["measure"])
    result = "drifted" if row["drifted"] else "did not drift"
    summary = f"The {measure} {result}: PSI {row['psi']:.3f}, threshold {row['threshold']:.3f}."
    series = [Series("this run", row["shares"]), Series("reference", row["reference_shares"])]
    labels, name = _name_bins(row)
    caption = Caption(f"drift-{number}", measure.capitalize(), summary, (name, "share of the reviews"))
    return draw_bars(caption, labels, series, format_share)


def _name_bins(row: Row) -> tuple[list[str], str]:
    """Return the labels of a measure's bins, and the name of their axis."""
    if row["measure"] == "truncated":
        return ["cut" if lower > 0 else "read whole" for lower in row["bins_from"]], "texts"
    labels = ["below" if math.isinf(lower) else f"{lower:.3g}" for lower in row["bins_from"]]
    return labels, f"{name_measure(row['measure'])}, from"


def draw_training(facts: TrainingFacts) -> dict[str, tuple[Chart, ...]]:
    """Draw the charts of a training, by the section of the report; a section has none if its figures are missing."""
    test = facts.test
    metrics, rating = facts.metrics, facts.bundle.get("rating") or {}
    return {
        "learning": _draw_learning(facts.bundle.get("history") or ()),
        "quality": (
            *_draw_roc(test.get("roc") or {}, test.get("auc")),
            *_draw_reliability(test.get("reliability") or ()),
        ),
        "lengths": _draw_by_length(metrics.get("by_length") or ()),
        "rating": _draw_mapping(rating),
    }


def _draw_learning(history: Sequence[Row]) -> tuple[Chart, ...]:
    """Draw loss and accuracy by epoch for the report of a training."""
    epochs = list(range(1, len(history) + 1))
    if not epochs:
        return ()
    charts = []
    for name, title, unit in (("loss", "Loss", "nats"), ("accuracy", "Accuracy", "share right")):
        trained, validated = ([epoch[key] for epoch in history] for key in (name, f"validation_{name}"))
        if None in (*trained, *validated):
            continue  # the losses of a diverged training are not finite, and None here
        series = [Series("training", trained, epochs), Series("validation", validated, epochs)]
        rows = [(str(n), f"{a:.4f}", f"{b:.4f}") for n, a, b in zip(epochs, trained, validated, strict=True)]
        summary = f"Validation {name} ends at {validated[-1]:.4f} after {count(len(epochs), 'epoch')}."
        caption, style = (
            Caption(name, title, summary, ("epoch", unit)),
            LineStyle(whole_steps=len(epochs) < 10),
        )
        charts.append(draw_lines(caption, series, ("epoch", "training", "validation"), rows, style))
    return tuple(charts)


def _draw_roc(roc: Row, auc: float | None) -> tuple[Chart, ...]:
    """Draw the ROC curve for the report of a training."""
    false, true = roc.get("false_positive_rate") or [], roc.get("true_positive_rate") or []
    if not false or len(false) != len(true):
        return ()
    area = "" if auc is None else f", area {auc:.4f}"
    step = max(1, (len(false) - 1) // (POINTS_LISTED - 1))
    rows = [(f"{x:.4f}", f"{y:.4f}") for x, y in list(zip(false, true, strict=True))[::step]]
    series = [Series("this model", true, false)]
    names = ("negative reviews called positive", "positive ones called so")
    summary = f"How many positive reviews are found at the price of how many false ones{area}."
    style = LineStyle(diagonal="by chance", markers=False)
    return (draw_lines(Caption("roc", "ROC curve", summary, names), series, names, rows, style),)


def _draw_reliability(bins: Sequence[Row]) -> tuple[Chart, ...]:
    """Draw shares of positive reviews by score for the report of a training."""
    if not bins:
        return ()
    scores, shares = [row["mean_score"] for row in bins], [row["share_positive"] for row in bins]
    rows = [
        (f"{row['mean_score']:.3f}", f"{row['share_positive']:.3f}", f"{row['reviews']:,}") for row in bins
    ]
    widest = max(abs(a - b) for a, b in zip(scores, shares, strict=True))
    names = ("mean score", "share positive")
    summary = f"The score is off by {widest:.2f} at most, in tenths of the score."
    series, style = [Series("this model", shares, scores)], LineStyle(diagonal="a perfect score")
    return (
        draw_lines(
            Caption("calibration", "Calibration", summary, names), series, (*names, "reviews"), rows, style
        ),
    )


def _draw_by_length(rows: Sequence[Row]) -> tuple[Chart, ...]:
    """Draw accuracy and error of the stars by length for the report of a training."""
    if not rows:
        return ()
    labels = name_length_ranges([row["from_words"] for row in rows])
    charts = []
    for key, title, unit, format_value in (
        ("accuracy", "Accuracy by length", "share right", format_share),
        ("rating_mae", "Error of the stars by length", "stars", _format_stars),
    ):
        values = [row.get(key) for row in rows]
        if any(value is None for value in values):
            continue
        numbers = [float(value) for value in values if value is not None]
        worst = labels[numbers.index((min if key == "accuracy" else max)(numbers))]
        summary = f"Worst for reviews of {worst.replace('-', ' to ')} words."
        caption = Caption(f"length-{key}", title, summary, ("words", unit))
        charts.append(draw_bars(caption, labels, [Series(unit, numbers)], format_value, horizontal=True))
    return tuple(charts)


def _draw_mapping(rating: Row) -> tuple[Chart, ...]:
    """Draw the mapping of scores to stars for the report of a training."""
    scores, stars = rating.get("scores") or [], rating.get("stars") or []
    if not scores or len(scores) != len(stars):
        return ()
    step = max(1, (len(scores) - 1) // (POINTS_LISTED - 1))
    rows = [(f"{x:.3f}", f"{y:.2f}") for x, y in list(zip(scores, stars, strict=True))[::step]]
    summary = f"Scores from 0 to 1 become {min(stars):.1f} to {max(stars):.1f} stars."
    names = ("score", "stars")
    caption = Caption("mapping", "From score to stars", summary, names)
    return (draw_lines(caption, [Series("stars", stars, scores)], names, rows, LineStyle(markers=False)),)


def _format_count(value: float) -> str:
    """Format a number of reviews for the table below a picture."""
    return f"{value:,.0f}"


def _format_stars(value: float) -> str:
    """Format stars for the table below a picture."""
    return f"{value:.2f}"

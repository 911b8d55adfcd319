"""The section of `docs/models.md` on the reviews from elsewhere: accuracy, certainty, and the variants compared."""

import statistics
from collections.abc import Sequence

import numpy as np

from benchmarks.models_figures import (
    Compared,
    Results,
    compare_areas_elsewhere,
    compare_elsewhere,
    find_best,
    group_models,
    list_areas,
    measure_certainty,
    rate_kinds,
)
from benchmarks.paired import SAMPLES, PairedDifference
from docs.markdown import fill_paragraph, format_percent, format_table
from models.evaluation.bootstrap import CONFIDENCE
from models.evaluation.elsewhere import ElsewhereReview, read_elsewhere

SARCASTIC = "sarcastic"

ELSEWHERE = """
Accuracy in per cent on {reviews} reviews of our own ([variants.md](variants.md)), all and by kind, and
the *area* under the ROC curve over all: the share of pairs of a positive and a negative review of which the positive
has the higher score, wherever a score begins to count as positive. The mean of the seeds, and for all the lowest and
the highest.{newer}
"""
NEWER = " [On {count} newer ones](variants.md) no variant leads."
CERTAINTY = """
How sure `{best}` is of the sentiment that it chooses, in per cent, beside the share that is right; on reviews of the
archive the two differ by its calibration error.
"""
COMPARED = """
`{best}` compared with each seed variant, on the same reviews: the difference in the share that is *right*, and in the
*area*. Means of these seeds, with the {level:.0f} % interval of {samples:,} draws of the reviews with replacement, the
same ones for both; seeds are not drawn, so how much they differ above is not in the intervals. Of the sarcastic
reviews, which say the opposite of their words, a model that follows words gets more wrong; the rows without them, and
the area, were added when the accuracies by kind were known.
"""


def format_elsewhere(results: Results, reviews: Sequence[ElsewhereReview], compared: Compared) -> str:
    """Return the section: accuracy by kind, certainty, and the best variant compared with each seed variant."""
    rates = {name: rate_kinds(models, reviews) for name, models in group_models(results).items()}
    kinds = list(next(iter(rates.values())))
    rows = [
        [
            f"`{name}`",
            _format_seeds([rate_kinds([model], reviews)["all"] for model in models]),
            *(format_percent(rates[name][kind]) for kind in kinds[1:]),
            _format_seeds(list_areas(models, reviews)),
        ]
        for name, models in group_models(results).items()
    ]
    parts = [
        "## Reviews from elsewhere",
        fill_paragraph(ELSEWHERE, reviews=len(reviews), newer=_point_to_newer(reviews)),
        format_table(["variant", *kinds, "area"], rows),
        *_format_certainty(results, reviews),
    ]
    if compared:
        parts += _format_compared(results, reviews, compared)
    return "\n\n".join(parts)


def _format_seeds(shares: Sequence[float]) -> str:
    """Return the mean of a figure of the seeds, in per cent, with the lowest and the highest."""
    return f"{format_percent(statistics.mean(shares))} ({100 * min(shares):.1f} to {100 * max(shares):.1f})"


def _point_to_newer(reviews: Sequence[ElsewhereReview]) -> str:
    """Return a sentence on the reviews of the set that were not measured yet; none if all were."""
    newer = len(read_elsewhere()) - len(reviews)
    return NEWER.format(count=newer) if newer > 0 else ""


def _format_certainty(results: Results, reviews: Sequence[ElsewhereReview]) -> list[str]:
    best = find_best(results)
    models = group_models(results)[best]
    right, sure = rate_kinds(models, reviews), measure_certainty(models, reviews)
    rows = [
        ["sure", *(format_percent(sure[kind]) for kind in right)],
        ["right", *(format_percent(rate) for rate in right.values())],
        ["surer than right", *(f"{100 * (sure[kind] - rate):+.1f}" for kind, rate in right.items())],
    ]
    return [fill_paragraph(CERTAINTY, best=best), format_table([f"`{best}`", *right], rows)]


def _format_compared(results: Results, reviews: Sequence[ElsewhereReview], right: Compared) -> list[str]:
    """Return the table of the best variant compared with each seed variant, and what its columns are."""
    meant = np.array([review.kind != SARCASTIC for review in reviews])
    rows = _list_rows(right, compare_areas_elsewhere(results, reviews))
    if not meant.all():
        rows += _list_rows(
            compare_elsewhere(results, reviews, meant),
            compare_areas_elsewhere(results, reviews, meant),
            ", without sarcastic ones",
        )
    level = 100 * CONFIDENCE
    interval = f"{level:.0f} % of draws"
    head = ["compared with", "right", interval, "p", "area", interval, "p"]
    said = fill_paragraph(COMPARED, best=find_best(results), samples=SAMPLES, level=level)
    return [said, format_table(head, rows)]


def _list_rows(right: Compared, areas: Compared, of: str = "") -> list[list[str]]:
    """Return the rows of the table for each seed variant, on the reviews that `of` names."""
    return [
        [f"`{name}`{of}", *_format_difference(each), *_format_difference(areas[name])]
        for name, each in right.items()
    ]


def _format_difference(compared: PairedDifference) -> list[str]:
    return [format_points(compared.difference), format_interval(compared), f"{compared.p:.4f}"]


def format_points(share: float) -> str:
    """Return a difference of shares in points."""
    return f"{100 * share:+.1f} points"


def format_interval(compared: PairedDifference) -> str:
    """Return the interval of a difference in points."""
    return f"{100 * compared.low:+.1f} to {100 * compared.high:+.1f}"

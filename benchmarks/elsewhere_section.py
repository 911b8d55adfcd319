"""The section of `docs/models.md` on the reviews from elsewhere: accuracy, certainty, and the variants compared."""

from collections.abc import Sequence

import numpy as np

from benchmarks.models_figures import (
    Compared,
    Results,
    compare_areas_elsewhere,
    compare_elsewhere,
    find_best,
    group_models,
    measure_certainty,
    rate_kinds,
)
from benchmarks.paired import SAMPLES, PairedDifference
from docs.markdown import fill_paragraph, format_percent, format_table
from models.evaluation.bootstrap import CONFIDENCE
from models.evaluation.elsewhere import ElsewhereReview, read_elsewhere

SARCASTIC = "sarcastic"

ELSEWHERE = """
Accuracy in per cent on {reviews} reviews of our own ([evaluation-sets.md](evaluation-sets.md)), all and by kind: the
mean of the seeds, and for all the lowest and the highest.{newer}
"""
NEWER = " [On {count} newer ones](evaluation-sets.md#what-the-new-reviews-say) no variant leads."
CERTAINTY = """
How sure `{best}` is of the sentiment that it chooses, in per cent, beside the share that is right; on reviews of the
archive the two differ by its calibration error.
"""
COMPARED = """
`{best}` compared with each seed variant, on the same reviews: the difference in the share that is *right*, and in the
*area under the ROC curve*, the share of pairs of a positive and a negative review of which the positive one has the
higher score, wherever a score begins to count as positive. Means of the seeds, with the {level:.0f} % interval of
{samples:,} draws of the reviews with replacement, the same ones for both. Sarcastic reviews say the opposite of their
words, so on them a model that knows words better is wrong more often; hence the rows without them.
"""


def format_elsewhere(results: Results, reviews: Sequence[ElsewhereReview], compared: Compared) -> str:
    """Return the section: accuracy by kind, certainty, and the best variant compared with each seed variant."""
    rates = {name: rate_kinds(models, reviews) for name, models in group_models(results).items()}
    kinds = list(next(iter(rates.values())))
    of_seeds = {
        name: [100 * rate_kinds([model], reviews)["all"] for model in models]
        for name, models in group_models(results).items()
    }
    rows = [
        [
            f"`{name}`",
            f"{format_percent(rate['all'])} ({min(of_seeds[name]):.1f} to {max(of_seeds[name]):.1f})",
            *(format_percent(rate[kind]) for kind in kinds[1:]),
        ]
        for name, rate in rates.items()
    ]
    parts = [
        "## Reviews from elsewhere",
        fill_paragraph(ELSEWHERE, reviews=len(reviews), newer=_point_to_newer(reviews)),
        format_table(["variant", *kinds], rows),
        *_format_certainty(results, reviews),
    ]
    if compared:
        parts += _format_compared(results, reviews, compared)
    return "\n\n".join(parts)


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
    head = ["compared with", "right", interval, "p", "area under the curve", interval, "p"]
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

"""Generates `docs/misjudged.md` from the stored results: the reviews that the best variant classifies wrongly."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from benchmarks.models_figures import Results, find_best, find_right, group_models
from deployments.installation_paths import PROJECT_ROOT
from docs.markdown import escape_markdown, fill_paragraph, format_table, join_words
from models.evaluation.elsewhere import ElsewhereReview

PAGE = PROJECT_ROOT / "docs" / "misjudged.md"

TEXT_CHARACTERS = 240
"""Most characters of a review that are shown."""

TITLE = "# Reviews that the best variant misjudges"
HEAD = """
Of the {reviews} [reviews from elsewhere](evaluation-sets.md), most seeds of `{best}` call {missed} wrongly ({kinds}).
`{best}` is the best variant on [the page of the models](models.md). *Score* is the median of the seeds, 0 for negative
to 1 for positive. Long texts are cut; `models/evaluation/evaluation_sets/elsewhere.jsonl` has them whole. Made by code
from trained bundles (`make models`).
"""


def find_misjudged(results: Results, reviews: Sequence[ElsewhereReview]) -> list[int]:
    """Return the positions of the reviews that more than half of the best variant's seeds classify wrongly."""
    right = find_right(group_models(results)[find_best(results)], reviews)
    return [place for place in range(len(reviews)) if right[place] < 0.5]


def make_misjudged_page(results: Results, reviews: Sequence[ElsewhereReview]) -> str:
    """Return the whole page; `reviews` must be those whose scores are in the results."""
    best, missed = find_best(results), find_misjudged(results, reviews)
    if not missed:
        return f"{TITLE}\n\nMost seeds of `{best}` call all of them rightly.\n"
    kinds = Counter(reviews[place].kind for place in missed)
    counted = join_words(f"{count} {kind}" for kind, count in kinds.items())
    head = fill_paragraph(HEAD, reviews=len(reviews), best=best, missed=len(missed), kinds=counted)
    return f"{TITLE}\n\n{head}\n\n{_format_reviews(results, reviews, missed)}\n"


def _format_reviews(results: Results, reviews: Sequence[ElsewhereReview], missed: Sequence[int]) -> str:
    models = group_models(results)[find_best(results)]
    wrong = 1 - find_right(models, reviews)
    scores = np.median([model["elsewhere_scores"] for model in models], axis=0)
    rows = [
        [
            reviews[place].id,
            reviews[place].kind,
            reviews[place].label,
            f"{scores[place]:.3f}",
            f"{round(wrong[place] * len(models))} of {len(models)}",
            escape_markdown(_cut(reviews[place].text)),
        ]
        for place in missed
    ]
    return format_table(["id", "kind", "label", "score", "seeds wrong", "text"], rows, words=6)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS else f"{text[: TEXT_CHARACTERS - 1]}…"

"""Compares two models: both score the validation rows and the behavioural tests, and both are timed.

If one of them has learnt from labels of sources, both score held-out reviews of these too. Plain functions over
`models/`, without Prefect. Each model scores from its own bundle, with its own vocabulary.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_contracts.errors import BundleError, SourceError
from models.bundle.blessed_scorer import load_blessed_scorer
from models.bundle.scorer import Scorer, score_texts
from models.evaluation.comparison import compare_scores
from models.evaluation.gate import Contest, GateCheck, judge_contest, pass_first_model
from models.evaluation.sets import (
    compare_behaviour,
    list_behaviour_texts,
    rate_behaviour,
    read_behaviour_tests,
)
from models.evaluation.slices import mark_slices
from tasks.support.extras import require_training
from tasks.support.progress import show_progress
from tasks.warehouse.model_registry import PromotedModel

if TYPE_CHECKING:
    from data_contracts.storage.home import Home
    from tasks.training.dataset import DatasetTexts
    from tasks.training.own_rows import OwnTexts

NOT_COMPARED = "not_compared"
"""The only check of a challenger that could not be compared with the champion."""
CONTEST_STEPS = 4
"""The steps of `hold_contest` that a progress bar counts."""
COST_REVIEWS = 300
"""Number of validation reviews that both models are timed on."""
COST_REPEATS = 5
"""How often each model is timed. The shortest time counts, since other load on the machine only adds to it."""


@dataclass(frozen=True)
class ContestRows:
    """The rows on which two models are compared."""

    validation: "DatasetTexts"
    own: "OwnTexts | None" = None
    """Held-out texts of sources with labels; None where neither model has learnt from any, or there are none."""


def load_contest_rows(home: "Home", *scorers: Scorer) -> ContestRows:
    """Load the rows on which these models are compared."""
    from tasks.training.dataset import load_rows
    from tasks.training.own_rows import join_tests, read_own_rows

    require_training()
    own = (
        join_tests(read_own_rows(home, with_others=False)) if any(scorer.own for scorer in scorers) else None
    )
    return ContestRows(load_rows(home.reviews).validation, own)


def judge_challenger(
    home: "Home", challenger: Scorer, champion: PromotedModel | None
) -> tuple[GateCheck, ...]:
    """Return the gate's checks of a challenger against the champion, with a progress bar.

    If the champion's bundle is altered or missing, or there are no rows, return the one failed check `not_compared`.
    """
    if champion is None:
        return (pass_first_model(),)
    try:
        with show_progress("Comparing with the champion", CONTEST_STEPS) as report:
            other = load_blessed_scorer(home.bundles / champion.model_id, champion.bundle_fingerprint)
            return judge_contest(
                hold_contest(challenger, other, load_contest_rows(home, challenger, other), report)
            )
    except (BundleError, SourceError) as error:
        return (GateCheck(NOT_COMPARED, False, f"could not be compared with the champion: {error}"),)


def hold_contest(
    challenger: Scorer,
    champion: Scorer,
    rows: ContestRows,
    report: Callable[[int], None] = lambda _: None,
) -> Contest:
    """Compare both models on the rows and the behavioural tests; call `report(1)` after each of `CONTEST_STEPS`."""
    validation = rows.validation
    new = score_texts(challenger, validation.texts)
    report(1)
    present = score_texts(champion, validation.texts)
    report(1)
    slices = mark_slices(validation.texts, present.token_count, present.oov_rate)
    scores = compare_scores(new.score, present.score, validation.positive, validation.movie_id, slices)
    tests = read_behaviour_tests()
    texts = list_behaviour_texts(tests)
    rated = [rate_behaviour(tests, score_texts(each, texts).score) for each in (challenger, champion)]
    report(1)
    timed = validation.texts[:COST_REVIEWS]
    seconds = time_in_turns([lambda: score_texts(challenger, timed), lambda: score_texts(champion, timed)])
    report(1)
    own = None
    if rows.own is not None:
        mine, other = (
            score_texts(each, rows.own.texts, rows.own.sources).score for each in (challenger, champion)
        )
        of_row = np.array(rows.own.sources, dtype=object)
        of_sources = {source: of_row == source for source in sorted(set(rows.own.sources))}
        own = compare_scores(mine, other, rows.own.positive, rows.own.titles, of_sources)
    challenger_seconds, champion_seconds = (each / len(timed) for each in seconds)
    return Contest(scores, compare_behaviour(tests, *rated), challenger_seconds, champion_seconds, own)


def time_in_turns(
    actions: Sequence[Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Return the shortest of `COST_REPEATS` times of each action, in seconds; the actions take turns."""
    best = [float("inf")] * len(actions)
    for _ in range(COST_REPEATS):
        for place, action in enumerate(actions):
            started = clock()
            action()
            best[place] = min(best[place], clock() - started)
    return best

"""Holds one model against another: both score the validation rows and the behavioural tests, and are timed.

Plain functions over `models/`; scores come from bundles alone, each with its own words.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from data_contracts.errors import BundleError, SourceError
from models.bundle.scorer import Scorer, score_texts
from models.evaluation.behaviour import list_behaviour_texts, rate_behaviour, read_behaviour_tests
from models.evaluation.comparison import Contest, compare_behaviour, compare_scores, mark_slices
from models.evaluation.gate import Decision, GateCheck, judge_contest, pass_first_model
from tasks.warehouse.model_registry import PromotedModel

if TYPE_CHECKING:
    from tasks.training.dataset import LabelledTexts

COST_REVIEWS = 300
"""Validation reviews that both models are timed on."""
COST_REPEATS = 5
"""How often each is timed; the best time counts, since whatever else the machine does only makes it longer."""
FIGURE_COLUMNS = (
    ("figure", "VARCHAR"),
    ("reviews", "BIGINT"),
    ("challenger", "DOUBLE"),
    ("champion", "DOUBLE"),
    ("gain", "DOUBLE"),
    ("gain_lower", "DOUBLE"),
    ("gain_upper", "DOUBLE"),
    ("passed", "BOOLEAN"),
    ("detail", "VARCHAR"),
)
"""The columns of `list_figures`, with DuckDB's types."""


def judge_challenger(
    champion: PromotedModel | None,
    load: Callable[[PromotedModel], "tuple[Scorer, Scorer, LabelledTexts]"],
    tell: Callable[[int], None] = lambda _: None,
) -> tuple[GateCheck, ...]:
    """Give the gate's checks of a challenger against the champion.

    `load` gives the challenger, the champion that it is called with, and the validation rows. Where that can't be,
    since a bundle is altered or gone or there are no rows, nothing tells that the challenger is better: the one check
    then is `not_compared`, which failed. `tell` is told as by `hold_contest`.
    """
    if champion is None:
        return (pass_first_model(),)
    try:
        return judge_contest(hold_contest(*load(champion), tell))
    except (BundleError, SourceError) as error:
        return (GateCheck("not_compared", False, f"could not be compared with the champion: {error}"),)


def hold_contest(
    challenger: Scorer,
    champion: Scorer,
    validation: "LabelledTexts",
    tell: Callable[[int], None] = lambda _: None,
) -> Contest:
    """Let both models score the validation rows and the behavioural tests; `tell` is told of each of 4 steps done."""
    mine = score_texts(challenger, validation.texts)
    tell(1)
    other = score_texts(champion, validation.texts)
    tell(1)
    slices = mark_slices(validation.texts, other.token_count, other.oov_rate)
    scores = compare_scores(mine.score, other.score, validation.positive, validation.movie_id, slices)
    tests = read_behaviour_tests()
    texts = list_behaviour_texts(tests)
    rated = [rate_behaviour(tests, score_texts(each, texts).score) for each in (challenger, champion)]
    tell(1)
    timed = validation.texts[:COST_REVIEWS]
    seconds = time_in_turns([lambda: score_texts(challenger, timed), lambda: score_texts(champion, timed)])
    tell(1)
    return Contest(scores, compare_behaviour(tests, *rated), *(each / len(timed) for each in seconds))


def time_in_turns(
    actions: Sequence[Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Give the least seconds of `COST_REPEATS` runs of each action; the actions take turns."""
    best = [float("inf")] * len(actions)
    for _ in range(COST_REPEATS):
        for place, action in enumerate(actions):
            started = clock()
            action()
            best[place] = min(best[place], clock() - started)
    return best


def list_figures(contest: Contest, checks: Sequence[GateCheck], decision: Decision) -> list[tuple[Any, ...]]:
    """List a contest figure by figure, in `FIGURE_COLUMNS`: the gate's checks, figures beside them, what it decides."""
    scores = contest.scores
    reviews = {f"slice {each.name}": each.reviews for each in scores.slices}
    reviews |= {f"behaviour {each.test}": each.tests for each in contest.behaviour}
    reviews |= dict.fromkeys(("log_loss", "accuracy"), scores.challenger.reviews)
    rows = [_list_check(check, reviews.get(check.name)) for check in checks]
    mine, other = scores.challenger, scores.champion
    errors = [round(each.calibration_error, 4) for each in (mine, other)]
    beside: list[tuple[Any, ...]] = [
        ("calibration_error", mine.reviews, *errors, round(errors[1] - errors[0], 4), *[None] * 4),
        ("alone_right", mine.reviews, scores.only_challenger_right, scores.only_champion_right, *[None] * 5),
        ("mcnemar_p", mine.reviews, float(f"{scores.mcnemar_p:.3g}"), *[None] * 6),
        ("cost_ratio", None, float(f"{contest.cost_ratio:.3g}"), *[None] * 6),
        ("gate", None, *[None] * 5, decision.promote, decision.reason),
    ]
    return [*rows[:2], *beside[:3], *rows[2:], *beside[3:]]


def _list_check(check: GateCheck, reviews: int | None) -> tuple[Any, ...]:
    mine, other = check.challenger, check.champion
    gain = None
    if mine is not None and other is not None and check.name != "cost":
        gain = other - mine if check.name == "log_loss" else mine - other
    digits = 7 if check.name == "cost" else 4
    figures = (mine, other, gain, check.lower, check.upper)
    rounded = (None if each is None else round(each, digits) for each in figures)
    return (check.name, reviews, *rounded, check.passed, check.detail)

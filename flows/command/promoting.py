"""What the `reviews models` commands do: compare two models, promote one past the gate, go back to an earlier one.

None of them is a flow: people run them by hand. What they change is published at once.
"""

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

from data_contracts.errors import BundleError, ReviewsError
from deployments.settings import Settings
from models.bundle.scorer import Scorer
from models.evaluation.gate import (
    Decision,
    GateCheck,
    decide_promotion,
    judge_contest,
    load_blessed_scorer,
)
from tasks.queries.formats import format_answer
from tasks.support.progress import show_progress
from tasks.support.wording import count, escape_controls
from tasks.training.dataset import LabelledTexts, load_rows
from tasks.training.model_comparison import FIGURE_COLUMNS, hold_contest, judge_challenger, list_figures
from tasks.warehouse import promotion
from tasks.warehouse.connection import require_warehouse
from tasks.warehouse.model_registry import Champion, find_champion, find_model
from tasks.warehouse.published import publish

Say = Callable[[str], None]
Tell = Callable[[str, str, str | None], None]
"""Tells the world which model scores from now on, why, and which did before."""
CONTEST_STEPS = 4
_NEXT = "Next: `reviews score --rescore` scores with it what only other models have scored."


def compare(settings: Settings, challenger: str, champion: str, form: str, say: Say) -> None:
    """Show two models side by side on the validation rows, and what the gate would decide; nothing is changed."""
    mine, other = (find_model(settings.warehouse, name) for name in (challenger, champion))
    validation = _load_validation(settings)
    scorers = [
        load_blessed_scorer(settings.bundles_dir / row["model_id"], row["bundle_fingerprint"])
        for row in (mine, other)
    ]
    with show_progress("Comparing", CONTEST_STEPS) as tell:
        contest = hold_contest(scorers[0], scorers[1], validation, tell)
    checks = judge_contest(contest)
    decision = decide_promotion("auto", checks)
    figures = list_figures(contest, checks, decision)
    if form != "table":
        _write(FIGURE_COLUMNS, figures, form)
        return
    as_if = "" if other["is_champion"] else " (taken for the champion, which it is not)"
    say(f"challenger  {mine['model_id']}\nchampion    {other['model_id']}{as_if}")
    say(
        f"on          {count(len(validation.texts), 'validation review')}; a gain above 0 is the challenger's"
    )
    for words in _warn_of_other_data((mine, other), settings):
        say(words)
    _write(FIGURE_COLUMNS[:-1], [row[:-1] for row in figures if row[0] != "gate"], form)
    say(f"The gate {'would promote it' if decision.promote else 'would refuse it'}: {decision.reason}.")


def promote(
    settings: Settings, name: str, reason: str | None, force: bool, by: str, say: Say, tell: Tell
) -> None:
    """Make a model the champion if it passes the gate, or is forced.

    Raises `ReviewsError` with the reasons where the gate refuses it; the refusal is kept like any other decision.
    """
    row = find_model(settings.warehouse, name)
    model_id, present = row["model_id"], find_champion(settings.warehouse)
    if present is not None and present.model_id == model_id:
        say(f"{model_id} is the champion already, since {present.since:%Y-%m-%d %H:%M}.")
        return
    for words in _warn_of_other_data((row,), settings):
        say(words)
    attempt = promotion.Attempt(model_id, reason=reason, forced_by=by if force else None)
    decision = promotion.promote(
        settings.warehouse, settings.bundles_dir, attempt, functools.partial(_judge, settings)
    )
    publish(settings.warehouse, settings.published)
    if not decision.promote:
        raise _describe_refusal(model_id, decision)
    say(f"Promoted {model_id}: {escape_controls(decision.reason)}")
    say(_NEXT)
    tell(model_id, decision.reason, present.model_id if present else None)


def _describe_refusal(model_id: str, decision: Decision) -> ReviewsError:
    refused = f"{model_id} is not promoted: {escape_controls(decision.reason)}"
    if decision.checks[0].name == promotion.GOLDEN:
        return BundleError(refused)
    return ReviewsError(
        f"{refused}. Next: `reviews models compare {model_id} champion` shows the figures; --force promotes it all the "
        "same."
    )


def go_back(settings: Settings, name: str | None, reason: str | None, by: str, say: Say, tell: Tell) -> None:
    """Make an earlier champion, the one before by default, the champion again; its bundle is checked first."""
    require_warehouse(settings.warehouse, "`reviews train`; there is no model to go back to before")
    wanted = find_model(settings.warehouse, name)["model_id"] if name is not None else None
    present = find_champion(settings.warehouse)
    back = promotion.go_back(
        settings.warehouse, settings.bundles_dir, reason or f"rolled back by {by}", wanted
    )
    publish(settings.warehouse, settings.published)
    say(f"Rolled back to {back.model_id}: it scores from now on. What others scored stays.")
    say(_NEXT)
    tell(back.model_id, back.reason, present.model_id if present else None)


def _judge(settings: Settings, challenger: Scorer, present: Champion | None) -> Sequence[GateCheck]:
    """Give the gate's checks of the challenger."""

    def load(champion: Champion) -> tuple[Scorer, Scorer, LabelledTexts]:
        folder = settings.bundles_dir / champion.model_id
        loaded = load_blessed_scorer(folder, champion.bundle_fingerprint)
        return challenger, loaded, load_rows(settings.reviews_dir).validation

    with show_progress("Comparing with the champion", CONTEST_STEPS) as tell:
        return judge_challenger(present, load, tell)


def _load_validation(settings: Settings) -> LabelledTexts:
    with show_progress("Reading reviews", None):
        return load_rows(settings.reviews_dir).validation


def _warn_of_other_data(rows: Sequence[dict[str, Any]], settings: Settings) -> list[str]:
    """Say which models learnt from other data than is present: they may have seen the validation reviews."""
    from tasks.archive.reviews_parquet import read_provenance

    provenance = read_provenance(settings.reviews_dir)
    return [
        f"warning     {row['model_id']} was trained on other data, maybe on some of these reviews"
        for row in rows
        if provenance is not None and row["data_fingerprint"] != provenance.data_fingerprint
    ]


def _write(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], form: str) -> None:
    for piece in format_answer(columns, iter([rows]), form):
        sys.stdout.write(piece)

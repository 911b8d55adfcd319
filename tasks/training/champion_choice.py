"""Chooses the champion by hand: compares two models, promotes one through the gate, or goes back to an earlier one."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from data_contracts.errors import BundleError, ReviewsError
from data_contracts.storage.home import Home
from models.bundle.blessed_scorer import load_blessed_scorer
from models.evaluation.gate import Contest, Decision, GateCheck, decide_promotion, judge_contest
from tasks.archive.parquet_files import read_provenance
from tasks.findings.gathering import refresh_findings
from tasks.queries.answer_formats import format_answer
from tasks.support.progress import show_progress
from tasks.support.wording import count, escape_controls
from tasks.training.contest import (
    CONTEST_STEPS,
    NOT_COMPARED,
    hold_contest,
    judge_challenger,
    load_contest_rows,
)
from tasks.warehouse import promotion
from tasks.warehouse.database.warehouse_connection import require_warehouse
from tasks.warehouse.model_registry import find_champion, find_model
from tasks.warehouse.publishing import publish
from tasks.warehouse.shadow.comparison import judge_shadow

NEXT = "Next: `reviews score --rescore` scores with it the reviews that only other models have scored."
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
NewChampion = tuple[str, str, str | None]
"""The id of the model that has just become the champion, why, and the id of the champion before it."""


def promote(
    home: Home, model: str, say: Callable[[str], None], reason: str | None, forced_by: str | None
) -> NewChampion | None:
    """Make a model, named by the beginning of its id, the champion; return None if it is that already.

    With `forced_by`, a user, the gate is overruled. Raises `ReviewsError` with the reasons if the gate refuses the
    model; the refusal is recorded like any other decision.
    """
    row = find_model(home.warehouse, model)
    model_id, present = row["model_id"], find_champion(home.warehouse)
    if present is not None and present.model_id == model_id:
        say(f"{model_id} is the champion already, since {present.since:%Y-%m-%d %H:%M}.")
        return None
    _warn_of_other_data((row,), home, say)
    attempt = promotion.Attempt(model_id, reason=reason, forced_by=forced_by)
    decision = promotion.promote(home, attempt, partial(judge_challenger, home))
    if decision.promote:
        say(f"Promoted {model_id}: {escape_controls(decision.reason)}")
    refresh_findings(home)
    publish(home)
    if not decision.promote:
        refused, why = (
            f"{model_id} is not promoted: {escape_controls(decision.reason)}",
            decision.checks[0].name,
        )
        if why == promotion.GOLDEN:
            raise BundleError(refused)
        if why == NOT_COMPARED:  # nor could `reviews models compare`
            raise ReviewsError(f"{refused.removesuffix('.')}. Here --force promotes it anyway.")
        raise ReviewsError(
            f"{refused}. Next: `reviews models compare {model_id} champion` shows the figures; --force promotes it "
            "anyway."
        )
    say(NEXT)
    return model_id, decision.reason, present.model_id if present else None


def go_back(home: Home, name: str | None, reason: str, say: Callable[[str], None]) -> NewChampion:
    """Make an earlier champion the champion again, by default the one before, if its bundle may score."""
    require_warehouse(home.warehouse, "`reviews train`; before that there is no model to go back to")
    chosen = find_model(home.warehouse, name)["model_id"] if name is not None else None
    present = find_champion(home.warehouse)
    back = promotion.go_back(home, reason, chosen)
    say(f"Rolled back to {back.model_id}: it scores from now on. The scores of other models stay.")
    refresh_findings(home)
    publish(home)
    say(NEXT)
    return back.model_id, back.reason, present.model_id if present else None


def compare(home: Home, challenger: str, champion: str, form: str, say: Callable[[str], None]) -> None:
    """Print the figures of two models on the validation rows, and what the gate would decide; nothing is changed."""
    mine, other = (find_model(home.warehouse, name) for name in (challenger, champion))
    scorers = [
        load_blessed_scorer(home.bundles / row["model_id"], row["bundle_fingerprint"])
        for row in (mine, other)
    ]
    with show_progress("Reading reviews", None):
        rows = load_contest_rows(home, *scorers)
    with show_progress("Comparing", CONTEST_STEPS) as report:
        contest = hold_contest(scorers[0], scorers[1], rows, report)
    checks = (
        *judge_contest(contest),
        *judge_shadow(home.warehouse, mine["model_id"], other["model_id"]),
    )
    decision = decide_promotion("auto", checks)
    columns: Sequence[tuple[str, str]] = FIGURE_COLUMNS
    figures = list_figures(contest, checks, decision)
    if form == "table":
        as_if = "" if other["is_champion"] else " (compared as if it were the champion)"
        own = (
            ""
            if rows.own is None
            else f" and {count(len(rows.own.texts), 'held-out review')} with own labels"
        )
        say(f"challenger  {mine['model_id']}\nchampion    {other['model_id']}{as_if}")
        say(
            f"on          {count(len(rows.validation.texts), 'validation review')}{own}; a gain above 0 means that the "
            "challenger is better"
        )
        _warn_of_other_data((mine, other), home, say)
        columns, figures = FIGURE_COLUMNS[:-1], [row[:-1] for row in figures if row[0] != "gate"]
    for piece in format_answer(columns, iter([figures]), form):
        sys.stdout.write(piece)
    if form == "table":
        say(f"The gate {'would promote it' if decision.promote else 'would refuse it'}: {decision.reason}.")


def _warn_of_other_data(rows: Sequence[dict[str, Any]], home: Home, say: Callable[[str], None]) -> None:
    """Warn of each model that was trained on other data: it may have learnt from the validation reviews."""
    provenance = read_provenance(home.reviews)
    for row in rows:
        if provenance is not None and row["data_fingerprint"] != provenance.data_fingerprint:
            say(f"warning     {row['model_id']} was trained on other data, perhaps on some of these reviews")


def list_figures(contest: Contest, checks: Sequence[GateCheck], decision: Decision) -> list[tuple[Any, ...]]:
    """Return what to print of a contest as rows of `FIGURE_COLUMNS`: the gate's checks, more figures, its decision."""
    scores = contest.scores
    reviews = {f"slice {each.name}": each.reviews for each in scores.slices}
    reviews |= {f"behaviour {each.test}": each.tests for each in contest.behaviour}
    reviews |= dict.fromkeys(("log_loss", "accuracy"), scores.challenger.reviews)
    if contest.own is not None:
        reviews |= {"own_log_loss": contest.own.challenger.reviews}
        reviews |= {f"source {each.name}": each.reviews for each in contest.own.slices}
    rows = [_list_check_figures(check, reviews.get(check.name)) for check in checks]
    reviewed = scores.challenger.reviews
    errors = [round(each.calibration_error, 4) for each in (scores.challenger, scores.champion)]
    further: list[tuple[Any, ...]] = [
        ("calibration_error", reviewed, *errors, round(errors[1] - errors[0], 4), *[None] * 4),
        ("alone_right", reviewed, scores.only_challenger_right, scores.only_champion_right, *[None] * 5),
        ("mcnemar_p", reviewed, float(f"{scores.mcnemar_p:.3g}"), *[None] * 6),
        ("cost_ratio", None, float(f"{contest.cost_ratio:.3g}"), *[None] * 6),
        ("gate", None, *[None] * 5, decision.promote, decision.reason),
    ]
    return [*rows[:2], *further[:3], *rows[2:], *further[3:]]


def _list_check_figures(check: GateCheck, reviews: int | None) -> tuple[Any, ...]:
    """Return a row of `FIGURE_COLUMNS`: the figures of a rule for both models."""
    challenger, champion = check.challenger, check.champion
    gain = None
    if challenger is not None and champion is not None and check.name != "cost":
        gain = challenger - champion
        gain = -gain if check.name in ("log_loss", "own_log_loss") else gain
    digits = 7 if check.name == "cost" else 4
    figures = (challenger, champion, gain, check.lower, check.upper)
    rounded = (None if each is None else round(each, digits) for each in figures)
    return (check.name, reviews, *rounded, check.passed, check.detail)

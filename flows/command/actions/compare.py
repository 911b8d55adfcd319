"""What `reviews models compare` does: show two models side by side, and what the gate would decide."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from data_contracts.storage.home import Home
from models.bundle.blessed_scorer import load_blessed_scorer
from models.bundle.scorer import Scorer
from models.evaluation.gate import Contest, Decision, GateCheck, decide_promotion, judge_contest
from tasks.queries.answer_formats import format_answer
from tasks.support.progress import show_progress
from tasks.support.wording import count
from tasks.training.contest import ContestRows, hold_contest, load_contest_rows
from tasks.warehouse.model_registry import find_model
from tasks.warehouse.shadow.comparison import judge_shadow

CONTEST_STEPS = 4
"""The steps of `hold_contest` that the progress bar counts."""
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


def compare(home: Home, challenger: str, champion: str, form: str, echo: Callable[[str], None]) -> None:
    """Print the figures of two models on the validation rows, and what the gate would decide; nothing is changed."""
    mine, other = (find_model(home.warehouse, name) for name in (challenger, champion))
    scorers = [
        load_blessed_scorer(home.bundles / row["model_id"], row["bundle_fingerprint"])
        for row in (mine, other)
    ]
    rows = _load_contest_rows(home, scorers)
    with show_progress("Comparing", CONTEST_STEPS) as report:
        contest = hold_contest(scorers[0], scorers[1], rows, report)
    traffic = judge_shadow(home.warehouse, mine["model_id"], other["model_id"])
    checks = (*judge_contest(contest), *traffic)
    decision = decide_promotion("auto", checks)
    figures = list_figures(contest, checks, decision)
    if form != "table":
        _write_figures(FIGURE_COLUMNS, figures, form)
        return
    as_if = "" if other["is_champion"] else " (compared as if it were the champion)"
    echo(f"challenger  {mine['model_id']}\nchampion    {other['model_id']}{as_if}")
    echo(
        f"on          {count(len(rows.validation.texts), 'validation review')}"
        f"{_count_own(rows)}; a gain above 0 means that the challenger is better"
    )
    for warning in warn_of_other_data((mine, other), home):
        echo(warning)
    _write_figures(FIGURE_COLUMNS[:-1], [row[:-1] for row in figures if row[0] != "gate"], form)
    echo(f"The gate {'would promote it' if decision.promote else 'would refuse it'}: {decision.reason}.")


def warn_of_other_data(rows: Sequence[dict[str, Any]], home: Home) -> list[str]:
    """Return a warning for each model trained on other data: it may have learnt from the validation reviews."""
    from tasks.archive.parquet_files import read_provenance

    provenance = read_provenance(home.reviews)
    return [
        f"warning     {row['model_id']} was trained on other data, perhaps on some of these reviews"
        for row in rows
        if provenance is not None and row["data_fingerprint"] != provenance.data_fingerprint
    ]


def _load_contest_rows(home: Home, scorers: Sequence[Scorer]) -> ContestRows:
    """Load the rows on which the two models are compared."""
    with show_progress("Reading reviews", None):
        return load_contest_rows(home, *scorers)


def _count_own(rows: ContestRows) -> str:
    """Say on how many reviews with own labels the two models are compared, if on any."""
    return "" if rows.own is None else f" and {count(len(rows.own.texts), 'held-out review')} with own labels"


def _write_figures(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], form: str) -> None:
    """Print the figures of the comparison as a table, CSV or JSON."""
    for piece in format_answer(columns, iter([rows]), form):
        sys.stdout.write(piece)


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
    """Return a row of the table that `reviews models compare` prints: a rule's figures for the two models compared."""
    challenger, champion = check.challenger, check.champion
    gain = None
    if challenger is not None and champion is not None and check.name != "cost":
        gain = challenger - champion
        gain = -gain if check.name in ("log_loss", "own_log_loss") else gain
    digits = 7 if check.name == "cost" else 4
    figures = (challenger, champion, gain, check.lower, check.upper)
    rounded = (None if each is None else round(each, digits) for each in figures)
    return (check.name, reviews, *rounded, check.passed, check.detail)

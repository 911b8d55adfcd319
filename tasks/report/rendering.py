"""From the facts of a run to its page."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.archive import DATASETS
from data_contracts.review_files import FILE_RULES, ROW_RULES, SCORING_RULES
from models.evaluation.stars import INTERVAL_SHARE
from tasks.pages.rendering import make_environment
from tasks.report.pictures import draw_drift, draw_scoring, draw_training
from tasks.report.runs import Row
from tasks.report.scoring_facts import FILES_SHOWN, TEXT_CHARACTERS, ScoringFacts
from tasks.report.training_facts import TrainingFacts
from tasks.report.verdict import judge_scoring, judge_training, name_measure
from tasks.report.words import name_rule, name_slice

if TYPE_CHECKING:
    import jinja2

TEXT_SHOWN = 320
"""Characters of a review before one has to ask for more."""
WORDS_FOR_RELEASE = {
    "text_too_long": "REVIEWS_MAX_TEXT_CHARS={limit} reviews quarantine release --rule text_too_long",
    "text_encoding": "reviews quarantine release --rule text_encoding --encoding cp1252",
    "scorer_failed": "reviews quarantine release --rule scorer_failed",
}
"""How the rows of a rule are released; those of other rules are mended in their file."""
HIGHEST_LIMIT = 10**7
"""Characters that REVIEWS_MAX_TEXT_CHARS may allow."""


def render_scoring(facts: ScoringFacts) -> str:
    """Write the page of a scoring run."""
    return _render(
        "scoring.html",
        facts=facts,
        verdict=judge_scoring(facts),
        charts=draw_scoring(facts),
        drift_charts=draw_drift(facts),
        rules={**ROW_RULES, **SCORING_RULES, **FILE_RULES},
        files_shown=FILES_SHOWN,
        text_shown=TEXT_SHOWN,
        text_characters=TEXT_CHARACTERS,
    )


def render_training(facts: TrainingFacts) -> str:
    """Write the page of a training run."""
    return _render(
        "training.html",
        facts=facts,
        verdict=judge_training(facts),
        charts=draw_training(facts),
        lowest_epoch=_find_lowest_epoch(facts.bundle.get("history") or []),
        interval_share=INTERVAL_SHARE,
    )


def _find_lowest_epoch(history: Sequence[Mapping[str, Any]]) -> int | None:
    """Give the epoch with the lowest validation loss, counted from 1; None where none has one."""
    losses = [(epoch["validation_loss"], number) for number, epoch in enumerate(history, start=1)]
    return min((each for each in losses if each[0] is not None), default=(0, None))[1]


def _render(template: str, **values: Any) -> str:
    page = make_report_environment().get_template(template)
    return page.render(written_at=datetime.now(UTC), datasets=DATASETS, **values)


def make_report_environment() -> "jinja2.Environment":
    """Give the environment of the reports' templates."""
    return make_environment(
        Path(__file__).parent / "templates",
        release=write_release,
        measure=name_measure,
        rule=name_rule,
        slice_name=name_slice,
    )


def write_release(row: Row) -> str | None:
    """Write the command that releases the rows of a rule; None where they are to be mended in their file."""
    words = WORDS_FOR_RELEASE.get(row["rule"])
    if words is None or not row["releasable"] or row["longest"] > HIGHEST_LIMIT:
        return None
    return words.format(limit=min(_round_up(row["longest"]), HIGHEST_LIMIT))


def _round_up(number: int) -> int:
    """Give the next number with two digits and zeros for the rest."""
    step = int("1" + "0" * max(len(str(number)) - 2, 0))
    return -(-number // step) * step

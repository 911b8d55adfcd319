"""Renders the report page of a run from its facts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.archive import DATASETS
from data_contracts.rules_and_limits import FILE_RULES, ROW_RULES, SCORING_RULES
from models.evaluation.stars import INTERVAL_SHARE
from tasks.pages.jinja_setup import make_environment
from tasks.report.names_and_commands import format_release, name_measure, name_rule, name_slice
from tasks.report.run_charts import draw_drift, draw_scoring, draw_training
from tasks.report.scoring_facts import FILES_SHOWN, TEXT_CHARACTERS, ScoringFacts
from tasks.report.training_facts import TrainingFacts
from tasks.report.verdict import judge_scoring, judge_training

if TYPE_CHECKING:
    import jinja2

TEXT_SHOWN = 320
"""Characters of a review that are shown before the reader opens the rest."""


def render_scoring(facts: ScoringFacts) -> str:
    """Return the report of a scoring run as HTML."""
    return _render_report(
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
    """Return the report of a training run as HTML."""
    return _render_report(
        "training.html",
        facts=facts,
        verdict=judge_training(facts),
        charts=draw_training(facts),
        lowest_epoch=_find_lowest_epoch(facts.bundle.get("history") or []),
        interval_share=INTERVAL_SHARE,
    )


def _find_lowest_epoch(history: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the epoch that the report marks: that of the lowest validation loss, from 1; None if none has a loss."""
    losses = [(epoch["validation_loss"], number) for number, epoch in enumerate(history, start=1)]
    return min((each for each in losses if each[0] is not None), default=(0, None))[1]


def _render_report(template: str, **values: Any) -> str:
    """Render a template of a report as HTML."""
    page = make_report_environment().get_template(template)
    return page.render(written_at=datetime.now(UTC), datasets=DATASETS, **values)


@cache
def make_report_environment() -> "jinja2.Environment":
    """Return the Jinja environment of the reports' templates."""
    return make_environment(
        Path(__file__).parent / "templates",
        release=format_release,
        measure=name_measure,
        rule=name_rule,
        slice_name=name_slice,
    )

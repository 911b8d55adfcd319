"""Tests that a run logs one line for each of its stages, with figures, and one for the run."""

import logging

import pytest

from data_contracts.storage.home import Home
from flows.score_reviews import score_reviews
from tasks.support.json_log import FIGURES
from tests.support.scoring_runs import CSV, drop

pytestmark = pytest.mark.server


def test_a_scoring_run_logs_one_line_a_stage_with_its_figures(
    scoring_home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    drop(scoring_home, "a.csv", CSV)
    with caplog.at_level(logging.INFO, "prefect.flow_runs"):
        score_reviews()
    figures = [getattr(record, FIGURES) for record in caplog.records if hasattr(record, FIGURES)]
    lines = {each["stage"]: each for each in figures}
    assert lines["find-new-files"].items() >= {"files_found": 1, "files_new": 1, "files_known": 0}.items()
    assert (
        lines["commit-part"].items() >= {"files_scored": 1, "rows_scored": 2, "rows_quarantined": 1}.items()
    )
    assert all("seconds" in figures for figures in lines.values())
    run = lines["score-reviews"]
    assert run["home"] == str(scoring_home.folder)
    assert run.items() >= {"files_found": 1, "files_scored": 1, "rows_scored": 2, "files_refused": 0}.items()
    assert not {"files_left", "rows_left", "label_sheets"} & run.keys()

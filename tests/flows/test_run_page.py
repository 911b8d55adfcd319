"""Tests of what a run shows of its work: artifacts, its name, and log lines with figures."""

import logging
from types import SimpleNamespace
from typing import Any, cast

import prefect.artifacts
import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter
from prefect.client.schemas.objects import State

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from flows.score_reviews import score_reviews
from tasks.stages import log_messages, run_page
from tasks.stages.run_page import end_completed, name_failure, name_run, show_live_progress
from tasks.support.json_log import FIGURES
from tests.support.scoring_runs import CSV, drop

pytestmark = pytest.mark.server


def list_artifacts(flow_run_id: Any) -> list[Any]:
    """Return the artifacts of a flow run."""
    chosen = ArtifactFilter.model_validate({"flow_run_id": {"any_": [str(flow_run_id)]}})
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=chosen)


def run_work(steps: int) -> Any:
    """Run a flow whose task reports some of ten steps; return its final state."""

    @task
    def work() -> None:
        with show_live_progress("Working", 10 * steps) as report:
            for _ in range(steps):
                report(10)

    @flow
    def work_and_tell() -> None:
        work()

    return work_and_tell(return_state=True)


def test_progress_moves_on_the_page_and_ends_at_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_page, "UPDATE_SECONDS", 0.0)
    seen: list[float] = []
    update = prefect.artifacts.update_progress_artifact

    def watch(artifact: Any, percent: float) -> Any:
        seen.append(percent)
        return update(artifact, percent)

    monkeypatch.setattr(run_page, "update_progress_artifact", watch)
    state = run_work(4)
    (artifact,) = list_artifacts(state.state_details.flow_run_id)
    assert (artifact.type, artifact.description, artifact.data) == ("progress", "Working", 100.0)
    assert seen == [50.0, 75.0, 100.0, 100.0]


def test_a_run_is_named_by_what_it_did_and_ends_with_a_message_while_its_caller_gets_the_result() -> None:
    @flow
    def say() -> int:
        name_run("3 files 2,140 reviews")
        return end_completed("2,140 reviews scored", 7)

    state: Any = say(return_state=True)
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert (run.name, run.state and run.state.message) == ("3 files 2,140 reviews", "2,140 reviews scored")
    assert say() == 7


def test_a_name_with_a_line_break_makes_no_second_line_in_the_log_or_the_message_of_a_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(log_messages, "get_run_logger", lambda: SimpleNamespace(warning=logged.append))
    forged = "a.csv\n12:00:00.000 | ERROR | forged\x1b[2J"
    log_messages.log_warning(forged)
    assert logged == [r"a.csv\n12:00:00.000 | ERROR | forged\x1b[2J"]
    message = cast("State[Any]", end_completed(forged, 7)).message
    assert message == logged[0]


def test_the_name_of_a_failed_run_says_what_failed() -> None:
    @flow(flow_run_name="fail {number}")
    @name_failure()
    def fail(number: int) -> None:
        raise ReviewsError("monday.csv: is gone\nNext: look for it")

    state: Any = fail(7, return_state=True)
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert run.name == "fail 7 failed: monday.csv: is gone"


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

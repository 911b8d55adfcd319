"""Tests that runs write reports after a commit or a training, link them, and never fail because of them."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter
from prefect.client.schemas.objects import Artifact

from data_contracts.storage.home import Home
from flows.command.cli import main
from flows.score_reviews import score_reviews
from tasks.report import writing
from tests.support.report_homes import HOSTILE
from tests.support.scoring_runs import CSV, drop, run
from tests.support.small_home import ask, copy_home, copy_scoring_home


@pytest.fixture(autouse=True)
def reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REVIEWS_REPORTS", raising=False)


@pytest.fixture
def reported_home(home: Home) -> Home:
    """A home in which a run scored `monday.csv` and wrote its report."""
    return copy_home(home, "reported", fill_reported_home)


def fill_reported_home(home: Home) -> None:
    copy_scoring_home(home)
    drop(home, "monday.csv", CSV)
    run()


def list_reports(home: Home) -> list[Path]:
    return sorted(home.reports.glob("*")) if home.reports.exists() else []


def find_last_run(home: Home) -> str:
    [(run_id,)] = ask(home.warehouse, "select arg_max(run_id, started_at) from runs")
    return str(run_id)


def list_artifacts(run_id: str) -> dict[str, Artifact]:
    chosen = ArtifactFilter.model_validate({"flow_run_id": {"any_": [run_id]}})
    with get_client(sync_client=True) as client:
        return {str(artifact.key): artifact for artifact in client.read_artifacts(artifact_filter=chosen)}


@pytest.mark.server
def test_a_run_that_scored_writes_its_report_and_links_it(scoring_home: Home) -> None:
    drop(scoring_home, "monday.csv", CSV)
    run()
    run_id = find_last_run(scoring_home)
    [report] = list_reports(scoring_home)
    assert report.name == f"{run_id}.html"
    assert "2 reviews of 1 file scored" in report.read_text("utf-8")
    artifacts = list_artifacts(run_id)
    assert report.as_uri() in str(artifacts["report"].data)
    assert f"reviews report {run_id}" in str(artifacts["report"].description)


@pytest.mark.server
def test_a_report_that_can_not_be_made_fails_no_run(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise ValueError("no picture \x1b[31m")

    monkeypatch.setattr(writing, "write_report", fail)
    drop(scoring_home, "monday.csv", CSV)
    state: Any = score_reviews(return_state=True)
    assert state.is_completed()
    said = capsys.readouterr().err
    assert "The report was not written (no picture \\x1b[31m). Next: reviews report" in said


@pytest.mark.slow
def test_the_command_writes_the_latest_report_and_says_where(reported_home: Home) -> None:
    target = reported_home.folder / "mine.html"
    done = CliRunner().invoke(main, ["report", "--output", str(target)])
    assert (done.exit_code, done.output) == (0, f"Wrote {target}\n")
    assert "2 reviews of 1 file scored" in target.read_text("utf-8")


@pytest.mark.server
def test_hostile_texts_and_names_are_words_in_report_artifacts_and_terminal(scoring_home: Home) -> None:
    nasty = "<img src=x onerror=alert(1)> \x1b[31mred \u202e.csv"
    rows = ["text", *('"' + (text * 3).replace('"', '""') + ' good film"' for text in HOSTILE.values())]
    drop(scoring_home, nasty, "\n".join([*rows, f'"{"long " * 15_000}"']))
    drop(scoring_home, f"refused{nasty}", "")
    run()
    done = CliRunner().invoke(main, ["report"])
    page = list_reports(scoring_home)[0].read_text("utf-8")
    artifacts = list_artifacts(find_last_run(scoring_home))
    for shown in (done.output, page, str(artifacts["outcome"].data)):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert "<img" not in page
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#39;owned&#39;)&lt;/script&gt;" in page


@pytest.mark.slow
def test_without_reports_a_run_writes_none(scoring_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWS_REPORTS", "false")
    drop(scoring_home, "monday.csv", CSV)
    run()
    assert list_reports(scoring_home) == []

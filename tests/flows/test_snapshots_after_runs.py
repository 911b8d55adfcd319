"""Tests of runs that keep snapshots in a store, and of a report where only these are."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from data_contracts.errors import ReviewsError, StoreError
from data_contracts.storage.home import Home
from flows.command.cli import main
from flows.scoring_message import describe_scoring
from tasks.maintenance.verification import verify_home
from tasks.snapshots import making
from tasks.snapshots.after_runs import find_faults
from tasks.snapshots.ownership import OWNER
from tasks.store.upload_trouble import read_trouble
from tests.support.scoring_runs import CSV, drop, list_said, run
from tests.support.small_home import ask


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The store of the settings, to which runs upload the copy."""
    (tmp_path / "store" / "inbox").mkdir(parents=True)
    uri = f"file://{tmp_path}/store"
    monkeypatch.setenv("REVIEWS_STORE", uri)
    monkeypatch.setenv("REVIEWS_PUBLISH_TO_STORE", "true")
    return uri


@pytest.mark.slow
def test_a_run_uploads_the_copy_and_a_report_is_written_where_only_that_is(
    scoring_home: Home, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(scoring_home, "a.csv", CSV)
    assert list_said(run(), "undelivered") == []
    said: list[str] = []
    verify_home(scoring_home, said.append, store)
    assert "ok      the newest snapshot in the store is whole and up to date" in said
    reader = Home(tmp_path / "reader")
    monkeypatch.setenv("REVIEWS_HOME", str(reader.folder))
    done = CliRunner().invoke(main, ["report"])
    assert done.exit_code == 0, done.output
    [page] = reader.reports.glob("*.html")
    assert "good film" in page.read_text("utf-8")
    assert ask(reader.published, "select count(*) from scored_reviews") == [(2,)]
    assert not reader.warehouse.exists()


@pytest.mark.slow
def test_a_run_whose_copy_can_t_be_uploaded_completes_and_says_so_and_the_next_one_uploads_it(
    scoring_home: Home, store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(scoring_home, "a.csv", CSV)

    def fail(*arguments: object) -> None:
        raise StoreError("access is refused.")

    with monkeypatch.context() as patch:
        patch.setattr(making, "list_numbers", fail)
        summary = run()
    assert summary.files_scored == 1
    assert "No snapshot was made in the store: access is refused." in capsys.readouterr().err
    said = f"No snapshot in {store}: access is refused. Next: reviews score"
    assert f"  undelivered {said}" in describe_scoring(summary)
    status = CliRunner().invoke(main, ["status"])
    assert (status.exit_code, status.stderr[:14]) == (1, "reviews: Down:")
    assert f"  undelivered {said}" in status.stdout
    assert list_said(run(), "undelivered") == []
    assert find_faults(scoring_home, store) == []
    assert read_trouble(scoring_home) is None


@pytest.mark.slow
def test_without_the_switch_nothing_is_uploaded(
    scoring_home: Home, store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REVIEWS_PUBLISH_TO_STORE", "false")
    drop(scoring_home, "a.csv", CSV)
    run()
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["inbox"]


@pytest.mark.slow
def test_a_run_whose_snapshots_another_home_has_taken_over_stops_before_it_scores(
    scoring_home: Home, store: str, tmp_path: Path
) -> None:
    drop(scoring_home, "a.csv", CSV)
    run()
    (tmp_path / "store" / "snapshots" / OWNER).write_text('{"home_id": "f00", "home": "vm:/other"}')
    drop(scoring_home, "b.csv", "review_id,text\nx,good plot\n")
    with pytest.raises(ReviewsError, match=r"another home writes there \(vm:/other\). Next: .*--take-over"):
        run()
    assert ask(scoring_home.warehouse, "select count(*) from scored_files") == [(1,)]

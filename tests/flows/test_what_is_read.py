"""Tests which files runs may read, and that no odd file stops the others."""

from dataclasses import replace
from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from flows.grants import grant, is_granted
from flows.ingest_reviews import ingest_reviews
from flows.score_reviews import score_reviews
from tasks.scoring.plan import ScoringRequest, find_pending_files
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.file_ledger import record_seen
from tests.support.odd_files import TEXT, deep_tree, write_odd_files, write_odd_things
from tests.support.scoring_runs import drop, run
from tests.support.small_home import ask
from tests.support.warehouse_parts import NOON
from tests.unit.view_tables import add_row


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file outside the inbox."""
    path = tmp_path / "outside" / "creds.csv"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


def test_a_run_that_no_command_started_reads_no_file_outside_the_inbox(
    scoring_home: Home, outside: Path
) -> None:
    with pytest.raises(UsageError, match="a run of a deployment reads the inbox and the folders of"):
        score_reviews(files=[str(outside)])


@pytest.mark.slow
def test_a_run_that_no_command_started_reads_a_folder_of_the_settings(
    scoring_home: Home, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWS_INPUT_DIRS", f"/nowhere:{outside.parent}")
    assert getattr(score_reviews(files=[str(outside)]), "rows_scored", 0) == 1


@pytest.mark.parametrize(
    "name", ["../../outside", "link.csv", "link", "link/creds.csv", "/etc/hostname", "/nosuch"]
)
def test_no_link_and_no_dots_lead_out_of_the_inbox(home: Home, outside: Path, name: str) -> None:
    home.inbox.mkdir(parents=True)
    (home.inbox / "link.csv").symlink_to(outside)
    (home.inbox / "link").symlink_to(outside.parent)
    with pytest.raises(UsageError, match="follows no link out of them"):
        find_pending_files(home, ScoringRequest((name,)), record=False)


@pytest.mark.parametrize("name", ["a.csv", ".", "deep", "deep/b.csv", "deep/../a.csv"])
def test_names_within_the_inbox_are_found_under_the_names_that_they_have_there(home: Home, name: str) -> None:
    home.inbox.mkdir(parents=True)
    drop(home, "a.csv", TEXT)
    drop(home, "deep/b.csv", "text\na bad film\n")
    found = find_pending_files(home, ScoringRequest((name,)), record=False)
    whole = find_pending_files(home, ScoringRequest(), record=False)
    assert found.new
    assert set(found.new) <= set(whole.new)


@pytest.mark.slow
def test_a_file_that_was_scored_by_a_name_with_dots_is_not_scored_by_its_own(home: Home) -> None:
    named = ScoringRequest((str(drop(home, "deep/../a.csv", TEXT)), "a.csv"), within=None)
    [before] = find_pending_files(home, named, record=False).new
    record_seen(home.warehouse, [replace(before, uri="deep/../a.csv")])
    with open_warehouse(home.warehouse, write=True) as connection:
        scored = {"source_sha256": before.source_sha256, "uri": "deep/../a.csv", "status": "scored"}
        add_row(connection, "scored_files", model_id="m", bytes=before.size, committed_at=NOON, **scored)
    found = find_pending_files(home, named, record=False)
    assert (found.new, found.files_found) == ((), 1)


def test_a_command_grants_what_it_names_for_its_own_call_alone() -> None:
    with grant(["/a", "/b"]):
        assert is_granted(["/a"])
        assert not is_granted(["/a", "/c"])
    assert not is_granted(["/a"])


@pytest.mark.parametrize("archive", ["http://127.0.0.1:9/latest/meta-data", "/etc/passwd", "creds.csv"])
def test_a_run_that_no_command_started_fetches_no_archive_from_elsewhere(home: Home, archive: str) -> None:
    with pytest.raises(UsageError, match="reads only the archive that REVIEWS_ARCHIVE names, Stanford's"):
        ingest_reviews(archive=archive, accept_unverified=True)


@pytest.mark.process
def test_odd_files_are_scored_or_passed_over_by_name_and_known_the_next_time(scoring_home: Home) -> None:
    names = write_odd_files(scoring_home.inbox)
    skipped = write_odd_things(scoring_home.inbox)
    with deep_tree(scoring_home.inbox / "deep", 1_100):
        first, second = run(), run()
    assert ask(scoring_home.warehouse, "select uri from scored_files order by uri") == [
        (name,) for name in sorted(names)
    ]
    assert (first.rows_scored, len(first.skipped)) == (len(names), skipped + 1)
    assert (second.rows_scored, second.skipped) == (0, first.skipped)

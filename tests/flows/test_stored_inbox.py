"""Tests of `score-reviews` with an object store: what lies in its inbox is scored as files of the home are."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from data_contracts.errors import StoreError, UsageError
from data_contracts.storage.home import Home
from flows.scoring_message import ScoringSummary
from tasks.store import inbox_objects
from tests.support.forked import run_to_fault
from tests.support.scoring_runs import CSV, count, drop, list_refused, plan, run
from tests.support.small_home import ask, copy_scoring_home
from tests.support.stored_runs import score_stored, send
from tests.support.warehouse_parts import hash_text

OWN = "text\nanother good film\n"
"""What is in the home, and in copies in the store."""


@dataclass(frozen=True)
class Stored:
    """A home, and its store, whose objects and sheet of labels a run has read; what that one and the next one did."""

    home: Home
    store: Path
    uris: dict[str, str]
    """Of the objects, by their names."""
    first: ScoringSummary
    next: ScoringSummary
    """What a run did that could fetch no object."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    folder = tmp_path_factory.mktemp("stored")
    home, store = copy_scoring_home(Home(folder / "home")), folder / "store"
    label = f"label_of,label\n{hash_text('good film')},positive\n"
    uris = {"a": send(store, "shop-a/a.csv"), "labels": send(store, "labels/sheet.csv", label)}
    for name, content in (("copy.csv", OWN), ("shop-a/copy.csv", OWN), ("refused.csv.gz", "")):
        uris[name] = send(store, name, content)
    (store / "inbox" / "refused.csv.gz").write_bytes(b"\x1f\x8b\x08")
    drop(home, "b.csv", OWN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_HOME", str(home.folder))
        patch.setenv("REVIEWS_STORE", f"file://{store}")
        first = run()
        patch.delattr(inbox_objects, "fetch")
        return Stored(home, store, uris, first, run())


@pytest.fixture
def stored_home(stored: Stored, empty_home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of that home; its store is set, to be read only."""
    monkeypatch.setenv("REVIEWS_STORE", f"file://{stored.store}")
    shutil.copytree(stored.home.folder, empty_home.folder)
    return empty_home


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the store that is set."""
    folder = tmp_path / "store"
    (folder / "inbox").mkdir(parents=True)
    monkeypatch.setenv("REVIEWS_STORE", f"file://{folder}")
    return folder


@pytest.mark.slow
def test_objects_are_scored_beside_the_files_of_the_home_once_and_not_fetched_again(stored: Stored) -> None:
    assert (stored.first.files_scored, stored.next.files_scored) == (2, 0)
    assert stored.next.files_found == 5  # the sheet is no file of reviews
    scored = "select uri, source, rows_read from scored_files where status = 'scored' order by uri"
    assert ask(stored.home.published, scored) == [("b.csv", "default", 1), (stored.uris["a"], "shop-a", 3)]
    bad = "select uri, row_number from quarantined_rows"
    assert ask(stored.home.published, bad) == [(stored.uris["a"], 3)]
    of_copies = "inbox_files semi join (from scored_files where uri = 'b.csv') using (source_sha256)"
    assert count(stored.home, of_copies) == 3
    assert not stored.home.spool.exists()


@pytest.mark.slow
def test_a_store_that_can_t_be_listed_fails_the_run_after_files_and_labels_of_the_home_were_taken_in(
    scoring_home: Home, store: Path
) -> None:
    drop(scoring_home, "a.csv", CSV)
    drop(scoring_home, "labels/a.csv", f"label_of,label\n{hash_text('bad plot')},negative\n")
    shutil.rmtree(store)
    with pytest.raises(StoreError, match="Committed all the same: 1 file, "):
        run()
    assert count(scoring_home, "scored_files") == 1
    assert ask(scoring_home.published, "select uri from review_labels") == [("labels/a.csv",)]


@pytest.mark.slow
def test_a_refused_object_is_named_by_its_uri_and_tried_again_when_it_is_named(
    stored: Stored, stored_home: Home
) -> None:
    uri = stored.uris["refused.csv.gz"]
    [refused] = list_refused(stored.first)
    assert refused.startswith(uri)
    assert stored.next.files_refused == 0
    assert len(list_refused(run(files=[uri]))) == 1


def test_a_dry_run_names_objects_and_fetches_none(
    scoring_home: Home, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = send(store, "a.csv")
    monkeypatch.delattr(inbox_objects, "fetch")
    [planned] = plan().files
    assert (planned.uri, planned.why, planned.rows) == (uri, "new", None)


def test_what_a_killed_run_left_in_the_spool_is_deleted(scoring_home: Home, store: Path) -> None:
    left = scoring_home.spool / "abc" / "a.csv"
    left.parent.mkdir(parents=True)
    left.write_text("text\nhalf a fi", "utf-8")
    run()
    assert not scoring_home.spool.exists()
    assert not store.joinpath("inbox/a.csv").exists()


@pytest.mark.slow
def test_naming_files_leaves_the_store_alone(scoring_home: Home, store: Path) -> None:
    send(store, "a.csv")
    path = drop(scoring_home, "b.csv", "text\nanother good film\n")
    assert run(files=[str(path)]).files_found == 1


def test_an_object_can_t_be_named_without_a_store(scoring_home: Home) -> None:
    with pytest.raises(UsageError, match="REVIEWS_STORE"):
        run(files=["s3://bucket/inbox/a.csv"])


@pytest.mark.slow
def test_labels_in_the_store_are_taken_in_after_what_they_label_was_scored(stored: Stored) -> None:
    assert (stored.first.taken.labels, stored.first.skipped, stored.next.taken.labels) == (1, (), 0)
    labels = "select given_label, uri from review_labels"
    assert ask(stored.home.published, labels) == [("positive", stored.uris["labels"])]


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("point", ["score: batch scored", "score: inside commit"])
def test_objects_are_scored_once_after_a_run_that_was_killed(
    scoring_home: Home, store: Path, point: str
) -> None:
    for number in range(3):
        send(store, f"shop-{number}/a.csv", f"text\ngood film {number}\nbad plot {number}\n")
    run_to_fault(point, score_stored, scoring_home.folder, f"file://{store}")
    run()
    assert count(scoring_home, "(select distinct source_sha256, row_number from scored_reviews)") == 6
    assert count(scoring_home, "scored_reviews") == 6
    assert not scoring_home.spool.exists()

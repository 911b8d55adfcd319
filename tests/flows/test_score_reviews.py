"""Tests of `score-reviews`: new files are scored once, bad ones are reported, only promoted models score."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import (
    BundleError,
    ContractError,
    ReviewsError,
    UsageError,
    WarehouseError,
    WarehouseMemoryError,
)
from data_contracts.storage.home import Home
from deployments.installation_paths import PROJECT_ROOT
from flows.scoring_message import ScoringSummary, describe_scoring
from models.bundle.scorer import load_scorer, score_texts
from tasks.findings.finding import KINDS, Finding
from tasks.inbox import source_files as inbox
from tasks.inbox.killed_runs import NEVER_FROM, record_scoring
from tasks.inbox.source_files import SourceFile, look_into
from tasks.labelling import intake
from tasks.reading.reader import ReadOptions, read_review_file
from tasks.scoring import chunks
from tasks.scoring import part_rows as scored_rows
from tasks.scoring.part_folders import list_uris
from tasks.scoring.plan import ScoringRequest, find_pending_files
from tasks.stages import score as score_stages
from tasks.support.wording import escape_controls, quote_word
from tasks.warehouse.commit import CommitSummary, commit_parts
from tests.support.scoring_runs import (
    CSV,
    DoneRun,
    count,
    describe,
    drop,
    list_refused,
    list_said,
    plan,
    run,
    run_killed,
    run_once,
)
from tests.support.small_home import (
    ask,
    copy_home,
    copy_scoring_home,
    write_small_bundle,
)

NEVER_CLOSED: list[AbstractContextManager[None]] = []


@pytest.mark.server
def test_new_rows_are_scored_and_bad_ones_quarantined(scoring_home: Home) -> None:
    drop(scoring_home, "a.csv", CSV)
    summary = run()
    assert (summary.files_scored, summary.rows_scored, summary.rows_quarantined) == (1, 2, 1)
    quarantined = ask(scoring_home.published, "select row_number, rule, raw from quarantined_rows")
    assert quarantined == [(3, "text_blank", b"   ")]


def test_scores_in_the_database_are_the_models_own(scored_home: Home) -> None:
    rows = ask(scored_home.published, "select text, score from latest_scores order by review_id")
    bundle = next(scored_home.bundles.iterdir())
    expected = score_texts(load_scorer(bundle), [text for text, _ in rows]).score.tolist()
    assert [score for _, score in rows] == pytest.approx(expected, abs=1e-6)


def test_a_second_run_adds_no_row(scored_home: Home) -> None:
    before = [count(scored_home, table) for table in ("scored_reviews", "source_reviews", "quarantined_rows")]
    assert run().files_scored == 0
    assert [
        count(scored_home, table) for table in ("scored_reviews", "source_reviews", "quarantined_rows")
    ] == before


@pytest.mark.slow
def test_a_copy_under_another_name_is_recognised_by_content(scored_home: Home) -> None:
    shutil.copy(scored_home.inbox / "a.csv", scored_home.inbox / "later-copy.csv")
    for name in ("b.csv", "same-run-copy.csv"):
        drop(scored_home, name, "text\ngood plot\n")
    summary = run()
    assert (summary.files_scored, summary.copies) == (1, ("later-copy.csv", "same-run-copy.csv"))
    said = "2 files with the bytes of one that came before, not read again: later-copy.csv, same-run-copy.csv"
    assert f"  copies      {said}\n" in f"{describe_scoring(summary)}\n"
    assert count(scored_home, "inbox_files") == 4
    assert run().copies == ()


EXCEL_CSV = b"text\n" + "Schön good plot\n".encode("cp1252") * 30


@pytest.fixture(scope="module")
def refusing_run(tmp_path_factory: pytest.TempPathFactory) -> DoneRun:
    """A run that scores two files and refuses five."""

    def fill(home: Home) -> None:
        copy_scoring_home(home)
        drop(home, "a.csv", CSV)
        drop(home, "broken.csv.gz", gzip.compress(CSV.encode())[:-9])
        drop(home, "c.jsonl", json.dumps({"text": "good plot"}))
        drop(home, "late/bad.csv", "text\n" + "good film\n" * 2_000 + "...\n" * 1_500)
        drop(home, "late/broken.csv", "text\n" + "good plot\n" * 2_000 + '"a quote that stays open\n')
        drop(home, "excel.csv", EXCEL_CSV)
        drop(home, "survey.csv", "Verdict\ngood film\n")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK_ROWS", 1000)
        return run_once(tmp_path_factory.mktemp("refusing"), fill)


def name_refused(done: DoneRun, *names: str) -> list[list[str]]:
    """Return the name and the rule of each refused file whose name begins so."""
    return [said.split(": ")[:2] for said in done.list_refused(*names)]


@pytest.mark.slow
def test_a_refused_file_stops_no_other_and_is_reported_once(refusing_run: DoneRun, empty_home: Home) -> None:
    summary = refusing_run.summary
    assert (summary.files_scored, summary.rows_scored, summary.files_refused) == (2, 3, 5)
    assert name_refused(refusing_run, "broken.csv.gz") == [["broken.csv.gz", "compression_broken"]]
    home = refusing_run.copy_home(empty_home)
    assert list_refused(run()) == []
    ledger = ask(home.published, "select status, rule from scored_files where uri = 'broken.csv.gz'")
    assert ledger == [("refused", "compression_broken")]


@pytest.mark.slow
def test_a_copy_of_a_refused_file_is_not_named_with_those_of_scored_ones(
    refusing_run: DoneRun, empty_home: Home
) -> None:
    home = refusing_run.copy_home(empty_home)
    for name in ("survey.csv", "a.csv"):
        shutil.copy(home.inbox / name, home.inbox / f"copy-of-{name}")
    assert find_pending_files(home, ScoringRequest(), record=False).copies == {"copy-of-a.csv": None}


@pytest.mark.slow
def test_a_file_that_is_refused_is_named_once_and_its_copy_as_refused_too(empty_home: Home) -> None:
    copy_scoring_home(empty_home)
    for name in ("bad.csv", "copy-of-bad.csv"):
        drop(empty_home, name, "text,date\ngood film,2/1/2026\n" + "...,3/4/2026\n" * 30)
    summary = run()
    assert [line.split(": ")[:2] for line in list_refused(summary)] == [
        ["bad.csv, copy-of-bad.csv", "too_many_bad_rows"]
    ]
    assert (list_said(summary, "unclear"), summary.copies) == ([], ())


LINES = json.dumps({"text": "good plot"}) + "\n"


@pytest.mark.slow
def test_bytes_that_were_refused_are_read_where_their_name_says_another_format(empty_home: Home) -> None:
    copy_scoring_home(empty_home)
    drop(empty_home, "a.csv", LINES)
    assert run().files_refused == 1
    drop(empty_home, "a.jsonl", LINES)
    assert (run().rows_scored, run().files_refused) == (1, 0)


@pytest.mark.slow
def test_bytes_that_a_profile_refused_are_read_in_a_source_without_one(empty_home: Home) -> None:
    copy_scoring_home(empty_home)
    describe(empty_home, '[columns]\ntext = "text"\n[limits]\nfewest_rows = 9\n', "shop")
    drop(empty_home, "shop/a.csv", CSV)
    assert run().files_refused == 1
    drop(empty_home, "other/a.csv", CSV)
    assert run().rows_scored == 2


@pytest.mark.slow
def test_bytes_that_are_refused_under_another_name_too_are_said_to_be_once_for_each(empty_home: Home) -> None:
    copy_scoring_home(empty_home)
    said = []
    for name in ("a.csv", "b.csv", "a.csv"):
        drop(empty_home, name, LINES)
        said += [line.split(": ")[0] for line in list_refused(run())]
    assert said == ["a.csv", "a.csv, b.csv"]


@pytest.mark.slow
def test_a_file_that_breaks_after_its_first_rows_were_scored_stops_no_other(refusing_run: DoneRun) -> None:
    """Nothing of it is kept. What is broken at its end is seen before that, what has too many bad rows only then."""
    assert name_refused(refusing_run, "late/") == [
        ["late/bad.csv", "too_many_bad_rows"],
        ["late/broken.csv", "csv_broken"],
    ]
    assert refusing_run.summary.rows_scored == 3
    rows = (count(refusing_run.home, "scored_reviews"), count(refusing_run.home, "source_reviews"))
    assert rows == (3, 3)


@pytest.mark.slow
@pytest.mark.process
def test_a_file_over_which_runs_were_killed_waits_until_it_is_named_and_stops_no_other(
    scoring_home: Home,
) -> None:
    drop(scoring_home, "a.csv", CSV)
    run_killed(scoring_home, "show_live_progress")
    for _ in range(NEVER_FROM - 1):
        [found] = look_into(scoring_home.inbox).files
        a_csv = SourceFile(found.uri, found.path, found.size, found.mtime_ns, "")
        NEVER_CLOSED.append(record_scoring(scoring_home, [a_csv]))
        NEVER_CLOSED[-1].__enter__()
    drop(scoring_home, "b.csv", "text\ngood film\n")
    summary = run()
    assert (summary.rows_scored, [each.uri for each in summary.skipped]) == (1, ["a.csv"])
    assert run(files=[str(scoring_home.inbox / "a.csv")]).rows_scored == 2


def test_scores_are_published_though_a_file_of_labels_gets_the_run_killed(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_killed(found: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(intake, "read_labels", be_killed)
    drop(scoring_home, "a.csv", CSV)
    drop(scoring_home, "labels/a.csv", "label_of,label\n")
    with pytest.raises(KeyboardInterrupt):
        run()
    assert ask(scoring_home.published, "select count(*) from scored_reviews") == [(2,)]


@pytest.mark.slow
def test_a_refusal_for_rows_that_are_not_utf_8_names_both_ways_out(refusing_run: DoneRun) -> None:
    [said] = refusing_run.list_refused("excel.csv: ")
    assert "30 of 30 rows are bad (text_encoding 30)" in said
    assert "save the file as CSV UTF-8, or name its `encoding`" in said


def test_rows_read_are_rows_scored_plus_rows_quarantined(scored_home: Home) -> None:
    assert ask(scored_home.warehouse, "select rows_read from scored_files") == [(3,)]
    assert count(scored_home, "scored_reviews") + count(scored_home, "quarantined_rows") == 3


def test_every_check_is_recorded_by_file(scored_home: Home) -> None:
    failed = ask(
        scored_home.warehouse,
        "select boundary, rule, severity, unexpected_count from contract_results where not success",
    )
    assert failed == [("review_files", "text_blank", "warning", 1)]
    boundaries = ask(scored_home.warehouse, "select distinct boundary from contract_results order by 1")
    assert boundaries == [("language",), ("readings",), ("review_files",), ("scored_reviews",)]


def test_the_run_is_recorded_with_what_it_counted(scored_home: Home) -> None:
    [(flow, status, counts)] = ask(scored_home.warehouse, "select flow, status, counts from runs")
    assert (flow, status) == ("score-reviews", "completed")
    assert json.loads(counts)["rows_scored"] == 2


def test_without_a_promoted_model_nothing_scores(home: Home) -> None:
    write_small_bundle(home)
    drop(home, "a.csv", CSV)
    with pytest.raises(BundleError, match="No model has been promoted"):
        run()
    assert count(home, "scored_reviews") == 0
    assert ask(home.warehouse, "select status from runs") == [("failed",)]


def test_an_altered_bundle_does_not_score(scoring_home: Home) -> None:
    bundle = next(scoring_home.bundles.iterdir())
    (bundle / "vocabulary.json").write_text('["film", "good"]')
    drop(scoring_home, "a.csv", CSV)
    with pytest.raises(BundleError, match="was altered"):
        run()
    assert count(scoring_home, "scored_reviews") == 0


def test_a_missing_model_does_no_harm_where_there_is_nothing_new(home: Home) -> None:
    assert run().files_found == 0


@pytest.mark.process
def test_what_a_killed_run_left_scored_is_committed_by_the_next(scoring_home: Home) -> None:
    drop(scoring_home, "a.csv", CSV)
    run_killed(scoring_home, "commit_parts")
    assert count(scoring_home, "scored_reviews") == 0
    assert run().rows_scored == 2
    assert not any(scoring_home.parts.iterdir())


@pytest.mark.process
def test_what_a_killed_run_had_committed_is_looked_at_by_the_next_that_is_not(scoring_home: Home) -> None:
    drop(scoring_home, "a.csv", "text,Stars\ngood film,4\n")
    for _ in range(2):
        run_killed(scoring_home, "check_scored")
    summary = run()
    assert summary.files_scored == 0
    [said] = list_said(summary, "unclear")
    assert said.startswith("a.csv: not used: 'Stars' (4). Next: ")
    assert list_said(run(), "unclear") == []


def leave_part(home: Home) -> None:
    """Run until a part of a file is scored and another file is refused, and fail before the commit."""
    copy_scoring_home(home)
    drop(home, "a.csv", CSV)
    drop(home, "empty.csv", "")

    def fail(*arguments: object) -> None:
        raise OSError("stopped before the commit")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score_stages, "commit_parts", fail)
        with pytest.raises(ReviewsError, match="stopped before the commit"):
            run()


@pytest.fixture
def stopped_home(empty_home: Home) -> Home:
    """A home with the part of a run that ended before its commit."""
    return copy_home(empty_home, "stopped", leave_part)


def find_left_scores(home: Home) -> Path:
    return next(home.parts.iterdir()) / "scored_reviews.parquet"


@pytest.mark.slow
def test_a_damaged_part_of_an_earlier_run_is_scored_anew(stopped_home: Home) -> None:
    left = find_left_scores(stopped_home)
    content = bytearray(left.read_bytes())
    content[60] ^= 1
    left.write_bytes(content)
    assert run().rows_scored == 2
    assert not any(stopped_home.parts.iterdir())


@pytest.mark.slow
def test_a_refused_file_is_tried_again_when_it_is_named(refusing_run: DoneRun, empty_home: Home) -> None:
    assert name_refused(refusing_run, "survey.csv") == [["survey.csv", "text_column_missing"]]
    home = refusing_run.copy_home(empty_home)
    assert run(files=[str(home.inbox / "survey.csv")]).files_refused == 1


@pytest.mark.slow
def test_a_file_that_changes_while_it_is_read_waits_for_the_next_run(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(scoring_home, "a.csv", CSV)
    path = drop(scoring_home, "b.csv", "text\ngood plot\n")

    def read_and_change(named: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
        yield from read_review_file(named, options)
        if named == path:
            path.write_text("text\nbad plot\ngood film\n")

    with monkeypatch.context() as patch:
        patch.setattr(chunks, "read_review_file", read_and_change)
        first = run()
    assert (first.rows_scored, [each.uri for each in first.skipped]) == (2, ["b.csv"])
    assert [(file.uri, file.rows) for file in plan().files] == [("b.csv", 2)]


def test_the_published_copy_shows_the_run_as_completed(scored_home: Home) -> None:
    assert ask(scored_home.published, "select status from runs") == [("completed",)]


def test_readers_get_what_a_run_committed_that_was_killed_before_it_published(scored_home: Home) -> None:
    scored_home.published.unlink()
    assert run().files_scored == 0
    assert ask(scored_home.published, "select count(*) from latest_scores") == [(2,)]


@pytest.mark.slow
def test_scores_that_break_their_contract_are_not_committed(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(scoring_home, "a.csv", CSV)
    with monkeypatch.context() as patch:
        patch.setattr(scored_rows, "rate_stars", lambda score, stars: score + 100)
        with pytest.raises(ContractError, match="predicted_rating_in_range"):
            run()
    assert count(scoring_home, "scored_reviews") == 0
    run()
    assert ask(scoring_home.warehouse, "select max(predicted_rating) < 11 from scored_reviews") == [(True,)]
    recorded = (
        "select count(*) from contract_results where rule = 'predicted_rating_in_range' and not success"
    )
    assert ask(scoring_home.warehouse, recorded) == [(1,)]


@pytest.mark.slow
def test_named_files_are_scored_wherever_they_lie_a_relative_name_within_the_inbox(
    scoring_home: Home, tmp_path: Path
) -> None:
    drop(scoring_home, "one.txt", "a good film")
    drop(scoring_home, "other.txt", "a bad film")
    path = tmp_path / "export.csv"
    path.write_text("text\ngood film\n")
    assert run(files=["one.txt", str(path)]).rows_scored == 2
    named = ask(scoring_home.published, "select uri from scored_files order by uri")
    assert named == [(str(path),), ("one.txt",)]


def test_a_named_file_that_is_not_there_fails_the_run_before_anything_is_scored(
    scoring_home: Home,
) -> None:
    drop(scoring_home, "one.txt", "a good film")
    with pytest.raises(UsageError, match=r"Not there: .*inbox/nosuch\.csv\. Next: give the whole path"):
        run(files=["one.txt", "nosuch.csv"])
    assert [file.why for file in plan().files] == ["new"]


def make_groups_of_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(inbox, "GROUP_FILES", 1)


def fail_for(patch: pytest.MonkeyPatch, *names: str, error: Exception | None = None) -> None:
    """Make the reading of these files raise an error."""

    def read_or_fail(path: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
        if path.name in names:
            raise error or WarehouseError(f"{path.name} makes trouble.")
        yield from read_review_file(path, options)

    patch.setattr(chunks, "read_review_file", read_or_fail)


@pytest.mark.server
def test_a_failing_group_stops_no_other_and_fails_the_run_in_the_end(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        drop(scoring_home, name, f"text\ngood film {name}\n")
    with monkeypatch.context() as patch:
        make_groups_of_one(patch)
        fail_for(patch, "b.csv")
        with pytest.raises(WarehouseError, match=r"(?s)Not scored: b\.csv\n.*2 files, 2 reviews"):
            run()
    published = ask(scoring_home.published, "select uri from scored_files order by uri")
    assert published == [("a.csv",), ("c.csv",)]
    assert ask(scoring_home.published, "select status, counts->>'files_failed' from runs") == [
        ("failed", "1")
    ]
    assert [file.uri for file in plan().files] == ["b.csv"]


def list_committed(home: Home) -> list[str]:
    """Return the names of the scored files in the order of their commits."""
    rows = ask(home.published, "select uri from scored_files order by committed_at, uri")
    return [uri for (uri,) in rows]


def test_a_file_out_of_proportion_is_scored_after_all_others_in_the_same_run(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "GROUP_BYTES", 10_000)
    drop(scoring_home, "a.csv.gz", gzip.compress(b"text\n" + b"good film\n" * 5000))
    drop(scoring_home, "b.csv", "text\ngood plot\n")
    summary = run()
    assert (summary.files_scored, summary.rows_scored, summary.skipped) == (2, 5001, ())
    assert list_committed(scoring_home) == ["b.csv", "a.csv.gz"]


def test_files_with_too_many_rows_for_one_commit_are_committed_in_several_in_their_order(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "MOST_UNPACKED_BYTES", 10_000)
    for name in ("a.csv", "b.csv", "c.csv"):
        drop(scoring_home, name, "text\n" + f"good film {name}\n" * 500)
    summary = run()
    assert (summary.files_scored, summary.skipped) == (3, ())
    commits = ask(scoring_home.published, "select uri from scored_files order by commit_number, uri")
    numbers = ask(scoring_home.published, "select count(distinct commit_number) from scored_files")
    assert (commits, numbers) == ([("a.csv",), ("b.csv",), ("c.csv",)], [(3,)])


def test_a_file_that_can_not_be_committed_stops_no_other_of_its_group_and_is_scored_last_from_then_on(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commit_or_fail(warehouse: Path, part_dir: Path) -> CommitSummary:
        if "b.csv" in list_uris(part_dir):
            raise WarehouseMemoryError("b.csv needs too much memory.")
        return commit_parts(warehouse, part_dir)

    for name in ("a.csv", "b.csv", "c.csv"):
        drop(scoring_home, name, f"text\ngood film {name}\n")
    with monkeypatch.context() as patch:
        patch.setattr(score_stages, "commit_parts", commit_or_fail)
        with pytest.raises(WarehouseMemoryError, match=r"(?s)Not scored: b\.csv\n.*2 files, 2 reviews"):
            run()
    assert list_committed(scoring_home) == ["a.csv", "c.csv"]
    assert not [*scoring_home.parts.iterdir()]
    drop(scoring_home, "d.csv", "text\ngood plot\n")
    run()
    assert list_committed(scoring_home) == ["a.csv", "c.csv", "d.csv", "b.csv"]


def test_a_file_that_takes_long_to_read_for_its_size_is_scored_after_all_others_in_the_same_run(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
        began = time.thread_time()
        while path.name == "a.csv" and time.thread_time() < began + 0.1:
            pass
        yield from read_review_file(path, options)

    monkeypatch.setattr(chunks, "MOST_READING_SECONDS", 0.1)
    monkeypatch.setattr(chunks, "read_review_file", read)
    for name in ("a.csv", "b.csv"):
        drop(scoring_home, name, f"text\ngood film {name}\n")
    run()
    assert list_committed(scoring_home) == ["b.csv", "a.csv"]


def test_the_sources_with_fewer_bytes_are_scored_first_and_the_files_of_each_by_name(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_groups_of_one(monkeypatch)
    names = {"big/1.csv": 5, "big/2.csv": 1, "small/1.csv": 3, "small/2.csv": 1}
    for name, rows in names.items():
        drop(scoring_home, name, "text\n" + f"good film {name}\n" * rows)
    run()
    assert list_committed(scoring_home) == ["small/1.csv", "small/2.csv", "big/1.csv", "big/2.csv"]


def publish_on_full_disk(*arguments: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_run_that_commits_and_can_not_publish_says_what_it_has_committed(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(scoring_home, "a.csv", CSV)
    monkeypatch.setattr("tasks.warehouse.publishing.copy_warehouse", publish_on_full_disk)
    with pytest.raises(
        WarehouseError, match=r"(?s)can't be published.* Next: .*Committed.* 1 file, 2 reviews"
    ):
        run()
    assert ask(scoring_home.warehouse, "select counts->>'rows_scored' from runs") == [("2",)]


def test_the_folder_of_a_full_disk_is_named_where_a_group_could_not_be_written(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise OSError(28, "Error writing bytes to file")

    drop(scoring_home, "a.csv", CSV)
    monkeypatch.setattr("tasks.scoring.part_folders.pq.ParquetWriter", fail)
    with pytest.raises(ReviewsError, match=str(scoring_home.parts)):
        run()


def test_what_a_run_could_not_publish_is_published_named_and_reported_by_the_next(
    scored_home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVIEWS_REPORTS", "true")
    drop(scored_home, "b.csv", "text\ngood plot\n")
    with monkeypatch.context() as patch:
        patch.setattr("tasks.warehouse.publishing.copy_warehouse", publish_on_full_disk)
        with pytest.raises(WarehouseError):
            run()
    assert run().files_scored == 0
    [(run_id,)] = ask(scored_home.published, "select run_id from scored_files where uri = 'b.csv'")
    assert run_id in capsys.readouterr().err
    assert [path.stem for path in scored_home.reports.iterdir()] == [run_id]


@pytest.mark.slow
def test_several_failing_groups_are_one_error_that_names_all_files(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        drop(scoring_home, name, f"text\ngood film {name}\n")
    make_groups_of_one(monkeypatch)
    fail_for(monkeypatch, "a.csv", "b.csv")
    with pytest.raises(
        ReviewsError, match=r"(?s)2 groups.*- a\.csv: a\.csv makes.*- b\.csv: .*1 file, 1 review\."
    ):
        run()


@pytest.mark.server
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (UsageError("wrong"), UsageError),
        (OSError(28, "No space left"), ReviewsError),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "odd"), UnicodeDecodeError),
    ],
)
def test_the_error_of_one_failing_group_keeps_its_exit_status(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception]
) -> None:
    drop(scoring_home, "a.csv", CSV)
    fail_for(monkeypatch, "a.csv", error=error)
    with pytest.raises(raised) as caught:
        run()
    assert "a.csv" in "".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


@pytest.mark.server
def test_an_interrupted_run_stops_at_once(scoring_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(scoring_home, "a.csv", CSV)
    drop(scoring_home, "b.csv", "text\ngood plot\n")
    asked: list[str] = []

    def interrupt(path: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
        asked.append(path.name)
        raise KeyboardInterrupt
        yield

    make_groups_of_one(monkeypatch)
    monkeypatch.setattr(chunks, "read_review_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert asked == ["a.csv"]


def test_what_a_library_makes_of_ctrl_c_does_not_let_the_run_go_on(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(scoring_home, "a.csv", CSV)
    drop(scoring_home, "b.csv", "text\ngood plot\n")
    make_groups_of_one(monkeypatch)
    fail_for(monkeypatch, "a.csv", error=OSError("interrupted"))
    interrupted = threading.Event()
    interrupted.set()
    monkeypatch.setattr("tasks.support.interruption.INTERRUPTED", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert count(scoring_home, "scored_reviews") == 0


@pytest.mark.slow
def test_files_that_were_refused_before_a_run_was_killed_are_reported_by_the_next(stopped_home: Home) -> None:
    summary = run()
    assert (summary.files_scored, [line.split(":")[0] for line in list_refused(summary)]) == (
        1,
        ["empty.csv"],
    )


@pytest.mark.slow
def test_a_leftover_that_breaks_its_contract_is_scored_anew(stopped_home: Home) -> None:
    left = find_left_scores(stopped_home)
    pq.write_table(pq.read_table(left).slice(1), left)
    assert run().rows_scored == 2
    assert not any(stopped_home.parts.iterdir())


@pytest.mark.slow
def test_files_older_than_since_are_left_out_and_stay_new(scoring_home: Home) -> None:
    old = drop(scoring_home, "old.csv", CSV)
    os.utime(old, (0, 0))
    drop(scoring_home, "fresh.csv", "text\ngood plot\n")
    assert run(since=datetime(2020, 1, 1)).files_scored == 1
    assert count(scoring_home, "inbox_files") == 1
    assert [(file.uri, file.why) for file in plan().files] == [("old.csv", "new")]


def test_a_time_without_a_zone_is_utc(scoring_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    path = drop(scoring_home, "a.csv", CSV)
    os.utime(path, (noon.timestamp(), noon.timestamp()))
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert plan(since=datetime(2026, 3, 1, 12, 0, 1)).files_found == 0
        assert plan(since=datetime(2026, 3, 1, 12)).files_found == 1
    finally:
        monkeypatch.undo()
        time.tzset()


IDLE_RUNS = """
import sys
read = set()
def note_reading(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".csv"):
        read.add(str(arguments[0]).rpartition("/")[2])
sys.addaudithook(note_reading)
from flows.scoring_message import describe_scoring
from flows.score_reviews import score_reviews
from flows.scoring_message import ScoringSummary
from tests.support.serverless import run_without_server
for _ in range(2):
    with run_without_server():
        summary = score_reviews(rescore=True)
    heavy = {"tensorflow", "keras", "great_expectations", "pandas", "sklearn"}
    heavy = (heavy | {"matplotlib", "jinja2", "tasks.report.writing"}) & sys.modules.keys()
    print("FOUND", summary.files_found, summary.files_scored, sorted(read), sorted(heavy))
    read.clear()
"""


@pytest.mark.process
def test_a_run_that_finds_nothing_new_reads_a_file_whose_time_changed_once_and_loads_nothing_heavy(
    scored_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REVIEWS_REPORTS")
    drop(scored_home, "copy.csv", CSV)
    drop(scored_home, "refused.csv", "")
    run()
    reports = list(scored_home.reports.iterdir())
    os.utime(scored_home.inbox / "a.csv", (1, 1))
    command = [sys.executable, "-c", IDLE_RUNS]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["FOUND 3 0 ['a.csv'] []", "FOUND 3 0 [] []"], done.stderr
    assert list(scored_home.reports.iterdir()) == reports


def test_a_run_that_finds_nothing_new_removes_what_a_killed_publishing_left(scored_home: Home) -> None:
    half = scored_home.published.with_name(f".{scored_home.published.name}.999999999.tmp")
    half.write_bytes(b"half")
    run()
    assert not half.exists()


def test_a_run_that_finds_nothing_new_writes_no_row_of_inbox_files(scored_home: Home) -> None:
    before = ask(scored_home.warehouse, "select last_seen from inbox_files")
    run()
    assert ask(scored_home.warehouse, "select last_seen from inbox_files") == before


def drop_survey(home: Home, name: str, texts: Sequence[str], first: int = 1) -> None:
    """Put in the export of a survey whose numbers of answers begin with `first`."""
    rows = "".join(f"{number},{text}\n" for number, text in enumerate(texts, first))
    drop(home, name, f"review_id,review\n{rows}")


EXPORTED = [f"good film {n}" for n in range(12)]
UNPRINTABLE = "a\nreviews forget b\x1b[2J.csv"


def drop_unclear(home: Home) -> None:
    """Make a home with files whose ids, dates and ratings are unclear."""
    copy_scoring_home(home)
    for source in ("later", "other"):
        drop_survey(home, f"{source}/march.csv", [f"good film {source} {n}" for n in range(6)])
    drop_survey(home, "edited/march.csv", EXPORTED, first=101)
    for name in ("april", "march"):
        drop_survey(home, f"together/{name}.csv", [f"good film {name} {n}" for n in range(6)], first=201)
    drop(home, "shop-a.csv", "id,text\n1,good film of shop a\n2,good plot of shop a\n")
    drop(home, "shop-b.csv", "id,text\n1,bad film of shop b\n2,bad plot of shop b\n")
    drop(home, UNPRINTABLE, "rating,review\n1,bad film\n2,good plot\n")
    rows = ["yesterday,four,good film", "2026-11-02,8,good plot", "today,9,bad film"]
    drop(home, "shop.csv", "\n".join(["date,rating,review", *rows]) + "\n")


@pytest.fixture(scope="module")
def unclear_run(tmp_path_factory: pytest.TempPathFactory) -> DoneRun:
    """A run of files whose ids, dates and ratings are unclear."""
    return run_once(tmp_path_factory.mktemp("unclear"), drop_unclear)


@pytest.fixture(scope="module")
def later_run(unclear_run: DoneRun, tmp_path_factory: pytest.TempPathFactory) -> DoneRun:
    """A later run, of further files of two of the sources."""

    def fill(home: Home) -> None:
        unclear_run.copy_home(home)
        drop_survey(home, "later/april.csv", [f"bad plot {n}" for n in range(6)])
        edited = [f"{text} again" for text in EXPORTED[:6]]
        drop_survey(home, "edited/april.csv", [*edited, *EXPORTED[6:]], first=101)

    return run_once(tmp_path_factory.mktemp("later"), fill)


def list_ids_anew(done: DoneRun) -> list[str]:
    """Return what a run says of review ids that begin anew."""
    return [said for said in list_said(done.summary, "unclear") if "earlier files of its source" in said]


@pytest.mark.slow
def test_ids_that_begin_anew_in_a_later_file_of_a_source_are_said(later_run: DoneRun) -> None:
    [said] = [said for said in list_ids_anew(later_run) if said.startswith("later/")]
    assert said.startswith(
        "later/april.csv: 6 review ids of earlier files of its source too, for other texts"
    )
    assert said.endswith("then `reviews sources rescan later`")


@pytest.mark.slow
def test_a_full_export_with_some_edited_reviews_is_not_said(later_run: DoneRun) -> None:
    assert [said for said in list_said(later_run.summary, "unclear") if "edited/" in said] == []


@pytest.mark.slow
def test_ids_that_begin_anew_are_said_of_files_that_come_together(unclear_run: DoneRun) -> None:
    [said] = [said for said in list_ids_anew(unclear_run) if said.startswith("together/")]
    assert said.startswith("together/march.csv: 6 review ids of earlier files of its source too")


@pytest.mark.slow
def test_ids_of_another_source_are_not_those_of_a_source(unclear_run: DoneRun) -> None:
    assert [said.partition("/")[0] for said in list_ids_anew(unclear_run)] == ["together"]


@pytest.mark.slow
def test_the_advice_on_a_file_outside_the_inbox_reads_it_again(scoring_home: Home, tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("rating,review\n1,bad film\n5,good plot\n", "utf-8")
    [ratings] = list_said(run(files=[str(path)]), "unclear")
    assert ratings.endswith("for these copy them to inbox/NAME, then `reviews sources rescan NAME`")
    profile = "[columns]\ntext = ['review']\ngiven_rating = 'rating'\n[rating]\nlowest = 1\nhighest = 5\n"
    scoring_home.sources.mkdir(exist_ok=True)
    (scoring_home.sources / "shop.toml").write_text(profile, "utf-8")
    drop(scoring_home, "shop/shop.csv", path.read_text("utf-8"))
    run(rescan="shop")
    query = "select given_rating from latest_scores order by all"
    assert ask(scoring_home.published, query) == [(2,), (10,)]


def test_a_run_says_that_an_option_changes_nothing_for_files_that_were_scored_before() -> None:
    summary = ScoringSummary("inbox", 1, 0, 0, 0, None, 0, ())
    assert "known       what was scored before is not read again, whatever --source says" in describe_scoring(
        summary, has_source=True
    )
    assert "known" not in describe_scoring(replace(summary, files_scored=1), has_source=True)


def test_the_message_of_a_run_of_many_files_has_at_most_25_lines() -> None:
    many = tuple(f"shop-{number}/a.csv: a finding" for number in range(30))
    found = tuple(Finding(kind, each, each, "reviews") for kind in KINDS for each in many)
    summary = ScoringSummary("inbox", 99, 30, 300, 9, "m", 30, (), accuracy=many, findings=found)
    said = describe_scoring(summary).splitlines()
    assert len(said) <= 25
    assert "  more        reviews findings" in said


@pytest.mark.slow
def test_a_command_that_is_printed_holds_no_line_feed_of_a_name(unclear_run: DoneRun) -> None:
    [ratings] = [said for said in list_said(unclear_run.summary, "unclear") if "reviews forget" in said]
    path = unclear_run.home.inbox / UNPRINTABLE
    command = f"reviews sources init default {quote_word(str(path))}` says what they are"
    assert command.isprintable()
    assert command in escape_controls(ratings)  # as messages, logs and pages show it


@pytest.mark.slow
def test_two_exports_whose_ids_count_from_1_do_not_replace_each_other(unclear_run: DoneRun) -> None:
    [unclear] = unclear_run.list_unclear("shop-a.csv")
    assert unclear.startswith("shop-a.csv, shop-b.csv: not used: 'id' (1, 2). Next: ")
    query = "select count(*) from latest_scores where text like '%of shop _'"
    assert ask(unclear_run.home.published, query) == [(4,)]


@pytest.mark.slow
def test_dates_and_ratings_that_are_not_understood_are_named_by_file(unclear_run: DoneRun) -> None:
    [unclear] = unclear_run.list_unclear("shop.csv")
    assert unclear.startswith("shop.csv: not used: 'date' (yesterday, today), 'rating' (four, 8, 9). Next: ")
    query = "select count(*) from source_reviews join scored_files using (source_sha256)"
    assert ask(unclear_run.home.published, f"{query} where uri = 'shop.csv'") == [(3,)]

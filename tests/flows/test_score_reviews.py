"""Tests of `score-reviews`: new files are scored once, bad ones are reported, only promoted models score."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import (
    ContractError,
    ReviewsError,
    WarehouseError,
    WarehouseMemoryError,
)
from data_contracts.storage.home import Home
from deployments.installation_paths import PROJECT_ROOT
from flows.scoring_message import describe_scoring
from models.bundle.scorer import load_scorer, score_texts
from tasks.inbox import source_files as inbox
from tasks.inbox.killed_runs import NEVER_FROM, record_scoring
from tasks.inbox.source_files import SourceFile, look_into
from tasks.reading.reader import ReadOptions, read_review_file
from tasks.scoring import chunks
from tasks.scoring import part_rows as scored_rows
from tasks.scoring.part_folders import list_uris
from tasks.stages import score as score_stages
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


@pytest.fixture(scope="module")
def refusing_run(tmp_path_factory: pytest.TempPathFactory) -> DoneRun:
    """A run that scores two files and refuses four."""

    def fill(home: Home) -> None:
        copy_scoring_home(home)
        drop(home, "a.csv", CSV)
        drop(home, "broken.csv.gz", gzip.compress(CSV.encode())[:-9])
        drop(home, "c.jsonl", json.dumps({"text": "good plot"}))
        drop(home, "late/bad.csv", "text\n" + "good film\n" * 2_000 + "...\n" * 1_500)
        drop(home, "late/broken.csv", "text\n" + "good plot\n" * 2_000 + '"a quote that stays open\n')
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
    assert (summary.files_scored, summary.rows_scored, summary.files_refused) == (2, 3, 4)
    assert name_refused(refusing_run, "broken.csv.gz") == [["broken.csv.gz", "compression_broken"]]
    home = refusing_run.copy_home(empty_home)
    assert list_refused(run()) == []
    ledger = ask(home.published, "select status, rule from scored_files where uri = 'broken.csv.gz'")
    assert ledger == [("refused", "compression_broken")]


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


def test_every_check_is_recorded_by_file(scored_home: Home) -> None:
    failed = ask(
        scored_home.warehouse,
        "select boundary, rule, severity, unexpected_count from contract_results where not success",
    )
    assert failed == [("review_files", "text_blank", "warning", 1)]
    boundaries = ask(scored_home.warehouse, "select distinct boundary from contract_results order by 1")
    assert boundaries == [("language",), ("readings",), ("review_files",), ("scored_reviews",)]


def test_a_missing_model_does_no_harm_where_there_is_nothing_new(home: Home) -> None:
    assert run().files_found == 0


@pytest.mark.process
def test_what_a_killed_run_left_scored_is_committed_by_the_next(scoring_home: Home) -> None:
    drop(scoring_home, "a.csv", CSV)
    run_killed(scoring_home, "commit_parts")
    assert count(scoring_home, "scored_reviews") == 0
    assert run().rows_scored == 2
    assert not any(scoring_home.parts.iterdir())


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


def change_byte(left: Path) -> None:
    content = bytearray(left.read_bytes())
    content[60] ^= 1
    left.write_bytes(content)


def drop_row(left: Path) -> None:
    pq.write_table(pq.read_table(left).slice(1), left)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [change_byte, drop_row])
def test_a_damaged_part_of_an_earlier_run_is_scored_anew(
    stopped_home: Home, damage: Callable[[Path], None]
) -> None:
    damage(next(stopped_home.parts.iterdir()) / "scored_reviews.parquet")
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


def make_groups_of_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(inbox, "GROUP_FILES", 1)


@pytest.mark.server
def test_a_failing_group_stops_no_other_and_fails_the_run_in_the_end(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_or_fail(path: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
        if path.name == "b.csv":
            raise WarehouseError("b.csv makes trouble.")
        yield from read_review_file(path, options)

    for name in ("a.csv", "b.csv", "c.csv"):
        drop(scoring_home, name, f"text\ngood film {name}\n")
    with monkeypatch.context() as patch:
        make_groups_of_one(patch)
        patch.setattr(chunks, "read_review_file", read_or_fail)
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


def test_the_sources_with_fewer_bytes_are_scored_first_and_the_files_of_each_by_name(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_groups_of_one(monkeypatch)
    names = {"big/1.csv": 5, "big/2.csv": 1, "small/1.csv": 3, "small/2.csv": 1}
    for name, rows in names.items():
        drop(scoring_home, name, "text\n" + f"good film {name}\n" * rows)
    run()
    assert list_committed(scoring_home) == ["small/1.csv", "small/2.csv", "big/1.csv", "big/2.csv"]


def test_what_a_run_could_not_publish_is_published_named_and_reported_by_the_next(
    scored_home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("REVIEWS_REPORTS", "true")
    drop(scored_home, "b.csv", "text\ngood plot\n")
    with monkeypatch.context() as patch:
        patch.setattr("tasks.warehouse.publishing.copy_warehouse", fail)
        with pytest.raises(WarehouseError, match=r"(?s)can't be published.*Committed.* 1 file, 1 review"):
            run()
    assert run().files_scored == 0
    [(run_id,)] = ask(scored_home.published, "select run_id from scored_files where uri = 'b.csv'")
    assert run_id in capsys.readouterr().err
    assert [path.stem for path in scored_home.reports.iterdir()] == [run_id]


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


@pytest.mark.slow
def test_files_that_were_refused_before_a_run_was_killed_are_reported_by_the_next(stopped_home: Home) -> None:
    summary = run()
    assert (summary.files_scored, [line.split(":")[0] for line in list_refused(summary)]) == (
        1,
        ["empty.csv"],
    )


@pytest.mark.slow
def test_files_older_than_since_are_left_out_and_stay_new(scoring_home: Home) -> None:
    old = drop(scoring_home, "old.csv", CSV)
    os.utime(old, (0, 0))
    drop(scoring_home, "fresh.csv", "text\ngood plot\n")
    assert run(since=datetime(2020, 1, 1)).files_scored == 1
    assert count(scoring_home, "inbox_files") == 1
    assert [(file.uri, file.why) for file in plan().files] == [("old.csv", "new")]


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


def drop_survey(home: Home, name: str, texts: Sequence[str]) -> None:
    """Put in the export of a survey whose answers are numbered from 1."""
    rows = "".join(f"{number},{text}\n" for number, text in enumerate(texts, 1))
    drop(home, name, f"review_id,review\n{rows}")


@pytest.mark.slow
def test_ids_that_begin_anew_in_a_later_file_of_a_source_are_said_and_a_full_export_is_not(
    scoring_home: Home,
) -> None:
    exported = [f"good film {n}" for n in range(12)]
    edited = [f"{text} again" for text in exported[:6]] + exported[6:]
    drop_survey(scoring_home, "later/march.csv", [f"good film later {n}" for n in range(6)])
    drop_survey(scoring_home, "edited/march.csv", exported)
    run()
    drop_survey(scoring_home, "later/april.csv", [f"bad plot {n}" for n in range(6)])
    drop_survey(scoring_home, "edited/april.csv", edited)
    [said] = [said for said in list_said(run(), "unclear") if "earlier files of its source" in said]
    assert said.startswith(
        "later/april.csv: 6 review ids of earlier files of its source too, for other texts"
    )


def test_two_exports_whose_ids_count_from_1_do_not_replace_each_other(scoring_home: Home) -> None:
    drop(scoring_home, "shop-a.csv", "id,text\n1,good film of shop a\n2,good plot of shop a\n")
    drop(scoring_home, "shop-b.csv", "id,text\n1,bad film of shop b\n2,bad plot of shop b\n")
    [unclear] = list_said(run(), "unclear")
    assert unclear.startswith("shop-a.csv, shop-b.csv: not used: 'id' (1, 2). Next: ")
    assert ask(scoring_home.published, "select count(*) from latest_scores") == [(4,)]

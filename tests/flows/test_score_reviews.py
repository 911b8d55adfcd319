"""`score-reviews`: what is new is scored once and whole, what is bad is named, and only the blessed scores."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from prefect.settings import PREFECT_API_URL

from data_contracts.errors import BundleError, ContractError, UsageError
from deployments.settings import Settings
from flows.score_reviews import ScoringSummary, score_reviews
from models.scorer import load_scorer, score_texts
from tasks import score_stages, scoring
from tasks.review_files import ReadOptions, read_review_file
from tests.flows.small_home import ask, promote_small_model, write_small_bundle

CSV = "review_id,movie_id,text,rating\na,tt1,good film,8\nb,tt1,bad plot,2\nc,tt2,   ,5\n"


def drop(settings: Settings, name: str, content: str | bytes) -> Path:
    path = settings.inbox_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def count(settings: Settings, table: str) -> int:
    return int(ask(settings.warehouse, f"select count(*) from {table}")[0][0])


def run() -> ScoringSummary:
    return score_reviews()


def test_new_rows_are_scored_and_bad_ones_quarantined(scoring_home: Settings) -> None:
    drop(scoring_home, "a.csv", CSV)
    summary = run()
    assert (summary.files_scored, summary.rows_scored, summary.rows_quarantined) == (1, 2, 1)
    quarantined = ask(scoring_home.published, "select row_number, rule, raw from quarantined_rows")
    assert quarantined == [(3, "text_blank", b"   ")]


def test_scores_in_the_database_are_the_models_own(scoring_home: Settings) -> None:
    drop(scoring_home, "a.csv", CSV)
    run()
    rows = ask(scoring_home.published, "select text, score from latest_scores order by review_id")
    bundle = next(scoring_home.bundles_dir.iterdir())
    expected = score_texts(load_scorer(bundle), [text for text, _ in rows]).score.tolist()
    assert [score for _, score in rows] == pytest.approx(expected, abs=1e-6)


def test_a_second_run_adds_no_row(scoring_home: Settings) -> None:
    drop(scoring_home, "a.csv", CSV)
    run()
    before = [
        count(scoring_home, table) for table in ("scored_reviews", "source_reviews", "quarantined_rows")
    ]
    assert run().files_scored == 0
    assert [
        count(scoring_home, table) for table in ("scored_reviews", "source_reviews", "quarantined_rows")
    ] == before


def test_a_copy_under_another_name_is_recognised_by_content(scoring_home: Settings) -> None:
    original = drop(scoring_home, "a.csv", CSV)
    drop(scoring_home, "same-run-copy.csv", CSV)
    assert run().files_scored == 1
    shutil.copy(original, scoring_home.inbox_dir / "later-copy.csv")
    assert run().files_scored == 0
    assert count(scoring_home, "inbox_files") == 3


def test_a_refused_file_stops_no_other_and_is_reported_once(scoring_home: Settings) -> None:
    drop(scoring_home, "a.csv", CSV)
    drop(scoring_home, "broken.csv.gz", gzip.compress(CSV.encode())[:-9])
    drop(scoring_home, "c.jsonl", json.dumps({"text": "good plot"}))
    first = run()
    assert (first.files_scored, first.rows_scored) == (2, 3)
    assert [line.split(":")[:2] for line in first.refused] == [["broken.csv.gz", " compression_broken"]]
    assert run().refused == ()
    ledger = ask(scoring_home.published, "select status, rule from scored_files where uri = 'broken.csv.gz'")
    assert ledger == [("refused", "compression_broken")]


def test_nothing_of_a_file_is_kept_that_breaks_after_its_first_rows_were_scored(
    scoring_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "CHUNK_ROWS", 1000)
    lines = "".join(json.dumps({"text": f"good film {number}"}) + "\n" for number in range(9_000))
    drop(scoring_home, "broken.jsonl.gz", gzip.compress(lines.encode())[:-9])
    assert run().refused
    assert (count(scoring_home, "scored_reviews"), count(scoring_home, "source_reviews")) == (0, 0)


def test_too_large_a_share_of_bad_rows_refuses_the_file(scoring_home: Settings) -> None:
    drop(scoring_home, "a.csv", "text\n" + "good\n" * 20 + "...\n" * 11)
    summary = run()
    assert (
        "too_many_bad_rows: 11 of 31 rows are bad, the first is row 21: text_no_words" in summary.refused[0]
    )
    assert count(scoring_home, "quarantined_rows") == 0


def test_rows_read_are_rows_scored_plus_rows_quarantined(scoring_home: Settings) -> None:
    drop(scoring_home, "a.csv", CSV)
    run()
    assert ask(scoring_home.warehouse, "select rows_read from scored_files") == [(3,)]
    assert count(scoring_home, "scored_reviews") + count(scoring_home, "quarantined_rows") == 3


def test_every_check_is_recorded_by_file(scoring_home: Settings) -> None:
    drop(scoring_home, "a.csv", CSV)
    run()
    failed = ask(
        scoring_home.warehouse,
        "select boundary, rule, severity, unexpected_count from contract_results where not success",
    )
    assert failed == [("review_files", "text_blank", "warning", 1)]
    boundaries = ask(scoring_home.warehouse, "select distinct boundary from contract_results order by 1")
    assert boundaries == [("review_files",), ("scored_reviews",)]


def test_the_run_is_recorded_with_what_it_counted(scoring_home: Settings) -> None:
    drop(scoring_home, "a.csv", CSV)
    run()
    [(flow, status, counts)] = ask(scoring_home.warehouse, "select flow, status, counts from runs")
    assert (flow, status) == ("score-reviews", "completed")
    assert json.loads(counts)["rows_scored"] == 2


def test_the_same_review_in_two_daily_exports_is_one_review(scoring_home: Settings) -> None:
    drop(scoring_home, "monday.csv", "review_id,text,date\nx,good film,2026-11-23\n")
    run()
    drop(scoring_home, "tuesday.csv", "review_id,text,date\nx,bad film,2026-11-24\n")
    run()
    assert ask(scoring_home.published, "select review_id, text from latest_scores") == [("x", "bad film")]


def test_without_a_promoted_model_nothing_scores(settings: Settings) -> None:
    write_small_bundle(settings)
    drop(settings, "a.csv", CSV)
    with pytest.raises(BundleError, match="No model has been promoted"):
        run()
    assert count(settings, "scored_reviews") == 0
    assert ask(settings.warehouse, "select status from runs") == [("failed",)]


def test_an_altered_bundle_does_not_score(scoring_home: Settings) -> None:
    bundle = next(scoring_home.bundles_dir.iterdir())
    (bundle / "vocabulary.json").write_text('["film", "good"]')
    drop(scoring_home, "a.csv", CSV)
    with pytest.raises(BundleError, match="was altered"):
        run()
    assert count(scoring_home, "scored_reviews") == 0


def test_a_missing_model_does_no_harm_where_there_is_nothing_new(settings: Settings) -> None:
    assert run().files_found == 0


def test_what_a_killed_run_left_scored_is_committed_by_the_next(scoring_home: Settings) -> None:
    drop(scoring_home, "a.csv", CSV)
    script = (
        "import os, tasks.score_stages as stages\n"
        "stages.commit_parts = lambda *_: os.kill(os.getpid(), 9)\n"
        "from flows.score_reviews import score_reviews\n"
        "score_reviews()"
    )
    server = {"PREFECT_API_URL": PREFECT_API_URL.value() or ""}
    killed = subprocess.run([sys.executable, "-c", script], env={**os.environ, **server}, check=False)
    assert killed.returncode == -9
    assert count(scoring_home, "scored_reviews") == 0
    assert run().rows_scored == 2
    assert not any(scoring_home.parts_dir.iterdir())


def leave_part(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run until a part is scored, and fail before it is committed; give the part."""

    def fail(*arguments: object) -> None:
        raise RuntimeError("stopped before the commit")

    with monkeypatch.context() as patch:
        patch.setattr(score_stages, "commit_parts", fail)
        with pytest.raises(RuntimeError):
            run()
    return next(settings.parts_dir.iterdir())


def test_a_damaged_part_of_an_earlier_run_is_scored_anew(
    scoring_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(scoring_home, "a.csv", CSV)
    left = leave_part(scoring_home, monkeypatch) / "scored_reviews.parquet"
    content = bytearray(left.read_bytes())
    content[60] ^= 1
    left.write_bytes(content)
    assert run().rows_scored == 2
    assert not any(scoring_home.parts_dir.iterdir())


def test_a_refused_file_is_tried_again_when_it_is_named(scoring_home: Settings) -> None:
    path = drop(scoring_home, "survey.csv", "Comments\ngood film\n")
    assert "text_column_missing" in run().refused[0]
    assert run().refused == ()
    assert score_reviews(files=[str(path)], text_column="Comments").rows_scored == 1


def test_a_text_column_is_for_named_files_alone(scoring_home: Settings) -> None:
    with pytest.raises(UsageError, match="files that you name"):
        score_reviews(text_column="Comments")


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_run(
    scoring_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(scoring_home, "a.csv", CSV)
    path = drop(scoring_home, "b.csv", "text\ngood plot\n")

    def read_and_change(named: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
        yield from read_review_file(named, options)
        if named == path:
            path.write_text("text\nbad plot\ngood film\n")

    with monkeypatch.context() as patch:
        patch.setattr(scoring, "read_review_file", read_and_change)
        first = run()
    assert (first.rows_scored, [each.uri for each in first.passed_over]) == (2, ["b.csv"])
    assert run().rows_scored == 2


def test_the_published_copy_shows_the_run_as_completed(scoring_home: Settings) -> None:
    drop(scoring_home, "a.csv", CSV)
    run()
    assert ask(scoring_home.published, "select status from runs") == [("completed",)]


def test_readers_get_what_a_run_committed_that_was_killed_before_it_published(scoring_home: Settings) -> None:
    drop(scoring_home, "a.csv", CSV)
    run()
    scoring_home.published.unlink()
    assert run().files_scored == 0
    assert ask(scoring_home.published, "select count(*) from latest_scores") == [(2,)]


def test_scores_that_break_their_contract_are_not_committed(
    scoring_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(scoring_home, "a.csv", CSV)
    with monkeypatch.context() as patch:
        patch.setattr(scoring, "rate_stars", lambda score: score + 100)
        with pytest.raises(ContractError, match="predicted_rating_in_range"):
            run()
    assert count(scoring_home, "scored_reviews") == 0
    run()
    assert ask(scoring_home.warehouse, "select max(predicted_rating) < 11 from scored_reviews") == [(True,)]
    recorded = (
        "select count(*) from contract_results where rule = 'predicted_rating_in_range' and not success"
    )
    assert ask(scoring_home.warehouse, recorded) == [(1,)]


def test_named_files_are_scored_wherever_they_lie(scoring_home: Settings, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("Comment\ngood film\n")
    summary = score_reviews(files=[str(path)], text_column="Comment")
    assert summary.rows_scored == 1


def test_a_new_champion_scores_what_is_new_from_then_on(scoring_home: Settings) -> None:
    drop(scoring_home, "a.csv", CSV)
    first = run().model_id
    promote_small_model(scoring_home, seed=1)
    drop(scoring_home, "b.csv", "text\ngood plot\n")
    assert run().model_id != first
    assert count(scoring_home, "scored_reviews") == 3

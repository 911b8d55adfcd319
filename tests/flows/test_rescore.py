"""Tests of rescoring: reviews of older models are scored again, completely and once, from the database."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_contracts.errors import BundleError, WarehouseError
from data_contracts.storage.home import Home
from flows.command.messages import describe_scoring
from flows.score_reviews import ScoringSummary, _describe_end, score_reviews
from flows.scoring_page import _describe_file, _describe_total, name_outcome
from models.bundle.scorer import load_scorer, score_texts
from tasks.inbox import source_files as inbox
from tasks.inbox.source_files import group_found_files
from tasks.scoring import chunks
from tasks.scoring.rescoring import OlderSource, find_rescorable, measure_rescorable, rescore_group
from tasks.scoring.run_outcome import GroupResult, RunOutcome, make_left
from tasks.stages import score as score_stages
from tasks.warehouse.commit import CommitSummary, CommittedFile
from tasks.warehouse.connection import open_warehouse
from tasks.warehouse.model_registry import find_promoted
from tests.support.scoring_runs import CSV, count, drop, plan, run, run_killed
from tests.support.small_home import (
    ask,
    copy_home,
    copy_scoring_home,
    promote_small_model,
    write_small_bundle,
)

UNACCOUNTED = """
select uri, model_id from scored_files f where status = 'scored' and rows_read <>
    (select count(*) from scored_reviews s where s.source_sha256 = f.source_sha256 and s.model_id = f.model_id)
  + (select count(*) from quarantined_rows q where q.source_sha256 = f.source_sha256 and q.released_at is null)
"""


@pytest.fixture
def older_home(home: Home) -> Home:
    """A home with two sources scored by the previous champion, their files deleted, and a new champion."""
    return copy_home(home, "older-scores", fill_older_home)


def fill_older_home(home: Home) -> None:
    copy_scoring_home(home)
    files = [drop(home, "a.csv", CSV), drop(home, "b.csv", "text\ngood plot\n")]
    run()
    for path in files:
        path.unlink()
    promote_small_model(home, seed=1)


@pytest.fixture
def rescored_home(home: Home) -> Home:
    """The older home after the new champion has rescored everything."""

    def fill(made: Home) -> None:
        fill_older_home(made)
        run(rescore=True)

    return copy_home(home, "scored-again", fill)


@pytest.fixture
def little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each run have time for one group of older files, and a group for one file."""
    monkeypatch.setattr(inbox, "GROUP_FILES", 1)
    monkeypatch.setenv("REVIEWS_RESCORE_MINUTES", "0.000001")


def find_champion_id(home: Home) -> str:
    return str(ask(home.warehouse, "select model_id from promotions order by number desc limit 1")[0][0])


@pytest.mark.slow
def test_without_being_asked_nothing_is_scored_again(older_home: Home) -> None:
    assert run().files_rescored == 0
    assert count(older_home, "scored_reviews") == 3


@pytest.mark.slow
def test_every_source_is_scored_again_and_the_old_scores_stay(older_home: Home) -> None:
    summary = run(rescore=True)
    assert (summary.files_rescored, summary.rows_rescored) == (2, 3)
    assert (summary.files_scored, summary.rows_scored, summary.rows_quarantined) == (0, 0, 0)
    assert "3 reviews of 2 files that other models had scored" in describe_scoring(summary)
    per_model = "select count(*) from scored_reviews group by model_id"
    assert ask(older_home.published, per_model) == [(3,), (3,)]
    assert (count(older_home, "source_reviews"), count(older_home, "quarantined_rows")) == (3, 1)


@pytest.mark.slow
def test_everything_that_depends_on_the_model_is_the_new_models(rescored_home: Home) -> None:
    model_id = find_champion_id(rescored_home)
    columns = "score, sentiment, predicted_rating, token_count, oov_rate, truncated"
    rows = ask(
        rescored_home.warehouse,
        f"select text, {columns} from scored_reviews join source_reviews using (source_sha256, row_number) "
        f"where model_id = '{model_id}'",
    )
    texts = [row[0] for row in rows]
    expected = score_texts(load_scorer(rescored_home.bundles / model_id), texts)
    assert [row[1] for row in rows] == pytest.approx(expected.score.tolist(), abs=1e-6)
    assert [row[3] for row in rows] == pytest.approx((1 + 9 * expected.score).tolist(), abs=1e-6)
    assert [row[2] == "positive" for row in rows] == (expected.score >= 0.5).tolist()
    assert [row[4] for row in rows] == expected.token_count.tolist()
    assert [row[5] for row in rows] == pytest.approx(expected.oov_rate.tolist())


def test_the_ledger_has_of_the_new_model_what_it_had_of_the_old(rescored_home: Home) -> None:
    same = "select distinct source_sha256, status, rule, uri, format, bytes, rows_read from scored_files"
    assert len(ask(rescored_home.warehouse, same)) == 2
    assert count(rescored_home, "scored_files") == 4


def test_rows_read_are_rows_scored_plus_quarantined_for_every_model(rescored_home: Home) -> None:
    assert ask(rescored_home.warehouse, UNACCOUNTED) == []


@pytest.mark.slow
def test_a_released_row_is_scored_again_like_any_other(older_home: Home) -> None:
    with open_warehouse(older_home.warehouse, write=True) as connection:
        released = (
            "update quarantined_rows set released_at = now(), released_by = 'x'",
            "insert into source_reviews by name select * replace (3 as row_number, 'good' as text) "
            "from source_reviews where review_id = 'a'",
            "insert into scored_reviews by name select * replace (3 as row_number) from scored_reviews "
            "semi join (from quarantined_rows) using (source_sha256) where row_number = 1",
        )
        for statement in released:
            connection.execute(statement).fetchall()
    assert run(rescore=True).rows_rescored == 4
    assert ask(older_home.warehouse, UNACCOUNTED) == []


def test_a_second_run_scores_nothing_again(rescored_home: Home) -> None:
    assert run(rescore=True).files_rescored == 0
    assert count(rescored_home, "scored_reviews") == 6


@pytest.mark.slow
def test_new_files_are_scored_first_and_once(older_home: Home) -> None:
    drop(older_home, "new.csv", "text\nbad film\n")
    summary = run(rescore=True)
    assert (summary.files_scored, summary.files_rescored) == (1, 2)
    assert (
        count(older_home, "scored_reviews where source_sha256 in (select source_sha256 from inbox_files)")
        == 7
    )


@pytest.mark.slow
def test_a_source_of_bad_rows_alone_is_done_with(scoring_home: Home) -> None:
    drop(scoring_home, "bad.csv", "text\n...\n")
    run()
    promote_small_model(scoring_home, seed=1)
    assert run(rescore=True).files_rescored == 1
    assert run(rescore=True).files_rescored == 0


@pytest.mark.slow
def test_what_was_refused_for_the_earlier_model_stays_refused(scoring_home: Home) -> None:
    drop(scoring_home, "empty.csv", "")
    drop(scoring_home, "a.csv", CSV)
    run()
    promote_small_model(scoring_home, seed=1)
    summary = run(rescore=True)
    assert (summary.refused, summary.files_rescored) == ((), 1)


@pytest.mark.slow
def test_sources_first_committed_before_since_are_left_out(older_home: Home) -> None:
    with open_warehouse(older_home.warehouse, write=True) as connection:
        connection.execute(
            "update scored_files set committed_at = committed_at - interval 2 days where uri = 'a.csv'"
        ).fetchall()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert run(rescore=True, since=yesterday).rows_rescored == 1
    assert run(rescore=True).rows_rescored == 2


@pytest.mark.slow
def test_with_named_files_only_theirs_are_scored_again(older_home: Home) -> None:
    path = drop(older_home, "copy-of-a.csv", CSV)
    assert run(files=[str(path)], rescore=True).rows_rescored == 2


@pytest.mark.slow
def test_texts_that_no_reader_can_see_yet_are_scored_again_too(older_home: Home) -> None:
    older_home.published.unlink()
    assert run(rescore=True).files_rescored == 2


@pytest.mark.process
@pytest.mark.parametrize("stage", ["commit_parts", "rescore_group"])
def test_a_killed_run_is_finished_by_the_next_with_nothing_twice(older_home: Home, stage: str) -> None:
    run_killed(older_home, stage, 2, rescore=True)
    assert count(older_home, "scored_files") == 3
    assert run(rescore=True).files_rescored == 1
    assert count(older_home, "(select distinct source_sha256, row_number, model_id from scored_reviews)") == 6
    assert count(older_home, "scored_reviews") == 6
    assert ask(older_home.warehouse, UNACCOUNTED) == []
    assert not any(older_home.parts.iterdir())


@pytest.mark.slow
def test_a_group_that_fails_stops_no_other(older_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "GROUP_FILES", 1)

    def rescore_or_fail(job: object, sources: list[OlderSource], *others: object) -> object:
        if sources[0].uri == "a.csv":
            raise WarehouseError("trouble.")
        return rescore_group(job, sources, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(score_stages, "rescore_group", rescore_or_fail)
    with pytest.raises(WarehouseError, match=r"Not scored: a\.csv"):
        run(rescore=True)
    assert count(older_home, "scored_files") == 3


@pytest.mark.slow
def test_scores_are_the_same_however_the_rows_are_cut(
    older_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 1)
    assert run(rescore=True).rows_rescored == 3
    assert ask(older_home.warehouse, UNACCOUNTED) == []


@pytest.mark.slow
def test_a_named_model_scores_instead_of_the_champion(older_home: Home) -> None:
    champion = find_champion_id(older_home)
    earlier = ask(older_home.warehouse, "select model_id from promotions order by number")[0][0]
    drop(older_home, "new.csv", "text\nbad film\n")
    assert run(model_id=earlier).model_id == earlier != champion
    assert run(model_id=earlier, rescore=True).files_rescored == 0


@pytest.mark.slow
def test_a_model_that_was_never_promoted_never_scores(scoring_home: Home) -> None:
    unblessed = write_small_bundle(scoring_home, seed=5).name
    drop(scoring_home, "a.csv", CSV)
    for dry_run in (False, True):
        with pytest.raises(BundleError, match=rf"'{unblessed}' is unknown or was never promoted.*Next"):
            score_stages.choose_model.fn(scoring_home, unblessed)
        with pytest.raises(BundleError, match="was never promoted"):
            score_reviews(model_id=unblessed, dry_run=dry_run)
    assert count(scoring_home, "scored_reviews") == 0


def test_an_altered_bundle_of_a_named_model_does_not_score(older_home: Home) -> None:
    earlier = ask(older_home.warehouse, "select model_id from promotions order by number")[0][0]
    (older_home.bundles / earlier / "vocabulary.json").write_text('["film"]')
    drop(older_home, "new.csv", "text\nbad film\n")
    with pytest.raises(BundleError, match="was altered"):
        run(model_id=earlier)
    assert find_promoted(older_home.warehouse, earlier) is not None


def test_without_a_promoted_model_there_is_nothing_older(tmp_path: Path) -> None:
    warehouse = tmp_path / "reviews.duckdb"
    assert find_rescorable(warehouse, None) == []
    assert not warehouse.exists()


def test_sources_go_in_groups_by_the_bytes_of_their_texts(older_home: Home) -> None:
    older = find_rescorable(older_home.warehouse, None)
    measured = measure_rescorable(older_home.published, older)
    assert [(source.uri, source.size) for source in measured] == [("a.csv", 17), ("b.csv", 9)]
    assert len(group_found_files(measured)) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("little_time")
def test_what_runs_score_again_in_the_time_that_they_have_is_what_one_without_a_limit_does(
    older_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "select * exclude (run_id, scored_at) from scored_reviews order by all"
    alone = Home(shutil.copytree(older_home.folder, tmp_path / "alone"))
    summaries = [run(rescore=True) for _ in range(2)]
    assert [(each.files_rescored, each.files_left, each.rows_left) for each in summaries] == [
        (1, 1, 1),
        (1, 0, 0),
    ]
    monkeypatch.delenv("REVIEWS_RESCORE_MINUTES")
    monkeypatch.setenv("REVIEWS_HOME", str(alone.folder))
    assert run(rescore=True).files_rescored == 2
    assert ask(older_home.published, rows) == ask(alone.published, rows)


@pytest.mark.slow
@pytest.mark.usefixtures("little_time")
def test_new_files_are_all_scored_however_little_time_there_is_to_score_again(older_home: Home) -> None:
    for name in ("new", "newer"):
        drop(older_home, f"{name}.csv", f"text\n{name} film\n")
    summary = run(rescore=True)
    assert (summary.files_scored, summary.files_rescored, summary.files_left) == (2, 1, 1)


@pytest.mark.slow
def test_a_dry_run_says_when_a_run_leaves_the_rest_where_there_is_something_to_score_again(
    older_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "REVIEWS_RESCORE_MINUTES" not in describe_scoring(plan(rescore=True))
    monkeypatch.setenv("REVIEWS_RESCORE_MINUTES", "10")
    assert "After 10 min of scoring again a run leaves the rest" in describe_scoring(plan(rescore=True))
    assert plan().rescore_seconds is None


def test_the_page_of_a_run_says_apart_what_was_new_and_what_was_scored_again() -> None:
    new, again = CommitSummary(1, 0, 3, 0), CommitSummary(0, 0, 0, 0, 2, 1400)
    outcome = RunOutcome((GroupResult((), new), GroupResult((), again)))
    words = "3 reviews of 1 file scored, 1,400 reviews of 2 files scored again"
    assert _describe_end(ScoringSummary("inbox", 1, 1, 3, 0, "model", (), ()), outcome) == words
    assert _describe_total(outcome, 1).startswith(f"{words}, 0 rows quarantined")
    assert name_outcome(outcome, 1) == "1 file 3 reviews, 2 files 1,400 reviews again 1 file not read"
    assert name_outcome(RunOutcome(), 0) == "nothing new"


@pytest.mark.parametrize(("is_rescored", "status"), [(False, "scored"), (True, "scored again")])
def test_the_table_of_a_run_says_which_files_were_scored_again(is_rescored: bool, status: str) -> None:
    file = CommittedFile("a.csv", "model", "csv", "scored", None, None, 1, 1, 0, is_rescored)
    assert _describe_file(file)["status"] == status


def test_a_run_says_what_it_leaves_to_be_scored_again_by_the_next_one() -> None:
    left = make_left([(OlderSource("1", "a.csv", "csv", 9, 4, texts=3),)])
    outcome = RunOutcome((left,))
    summary = ScoringSummary("inbox", 1, 0, 0, 0, "model", (), (), files_left=1, rows_left=3)
    assert "  left        3 reviews of 1 file for the next run with --rescore" in describe_scoring(summary)
    words = "3 reviews of 1 file left for the next run with rescore"
    assert _describe_end(summary, outcome) == f"Nothing new, {words}"
    assert _describe_total(outcome, 1).endswith(f"(0 reviews/s); {words}.")

"""Tests of rescoring: reviews of older models are scored again, completely and once, from the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_contracts.errors import BundleError, WarehouseError
from data_contracts.storage.home import Home
from flows.score_reviews import score_reviews
from flows.scoring_message import ScoringSummary, describe_scoring, name_outcome
from models.bundle.scorer import load_scorer, score_texts
from tasks.inbox import source_files as inbox
from tasks.inbox.source_files import group_found_files
from tasks.scoring import chunks
from tasks.scoring.plan import PlannedFile
from tasks.scoring.rescoring import OlderSource, find_rescorable, measure_rescorable, rescore_group
from tasks.scoring.run_outcome import GroupResult, RunOutcome
from tasks.stages import score as score_stages
from tasks.warehouse.commit import CommitSummary
from tasks.warehouse.database.warehouse_connection import open_warehouse
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
    score_with_previous(home, {})


def score_with_previous(home: Home, others: Mapping[str, str]) -> None:
    """Let a champion score two files, which are deleted, and others; then promote a new champion."""
    files = [drop(home, "a.csv", CSV), drop(home, "b.csv", "text\ngood plot\n")]
    for name, content in others.items():
        drop(home, name, content)
    run()
    for path in files:
        path.unlink()
    promote_small_model(home, seed=1)


@dataclass(frozen=True)
class Rescored:
    """A home in which a run scored a new file, and again what the previous champion had scored; what it did."""

    home: Home
    summary: ScoringSummary
    left: tuple[PlannedFile, ...]
    """What a run after that one would score again."""


@pytest.fixture(scope="module")
def rescored(tmp_path_factory: pytest.TempPathFactory) -> Rescored:
    home = copy_scoring_home(Home(tmp_path_factory.mktemp("rescored") / "home"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_HOME", str(home.folder))
        score_with_previous(home, {"bad.csv": "text\n...\n", "empty.csv": ""})
        drop(home, "new.csv", "text\nbad film\n")
        return Rescored(home, run(rescore=True), plan(rescore=True).files)


@dataclass(frozen=True)
class InTime:
    """The older home with two new files, after two runs that had time to score one file again; what both did."""

    home: Home
    runs: tuple[ScoringSummary, ScoringSummary]


@pytest.fixture(scope="module")
def in_time(tmp_path_factory: pytest.TempPathFactory) -> InTime:
    home = copy_home(Home(tmp_path_factory.mktemp("in-time") / "home"), "older-scores", fill_older_home)
    for name in ("new", "newer"):
        drop(home, f"{name}.csv", f"text\n{name} film\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inbox, "GROUP_FILES", 1)
        patch.setenv("REVIEWS_RESCORE_MINUTES", "0.000001")
        patch.setenv("REVIEWS_HOME", str(home.folder))
        return InTime(home, (run(rescore=True), run(rescore=True)))


def find_champion_id(home: Home) -> str:
    return str(ask(home.warehouse, "select model_id from promotions order by number desc limit 1")[0][0])


@pytest.mark.slow
def test_without_being_asked_nothing_is_scored_again(older_home: Home) -> None:
    assert run().files_rescored == 0
    assert count(older_home, "scored_reviews") == 3


@pytest.mark.slow
def test_every_source_is_scored_again_and_the_old_scores_stay(rescored: Rescored) -> None:
    summary, home = rescored.summary, rescored.home
    assert (summary.files_rescored, summary.rows_rescored) == (3, 3)
    assert "3 reviews of 3 files that other models had scored" in describe_scoring(summary)
    of_older = "(select source_sha256 from scored_files where uri <> 'new.csv')"
    per_model = f"select count(*) from scored_reviews where source_sha256 in {of_older} group by model_id"
    assert ask(home.published, per_model) == [(3,), (3,)]
    assert (count(home, "source_reviews"), count(home, "quarantined_rows")) == (4, 2)


@pytest.mark.slow
def test_a_new_file_is_scored_once_beside_what_is_scored_again(rescored: Rescored) -> None:
    summary = rescored.summary
    assert (summary.files_scored, summary.rows_scored, summary.rows_quarantined) == (1, 1, 0)
    assert count(rescored.home, "scored_reviews") == 7


@pytest.mark.slow
def test_a_source_of_bad_rows_alone_is_done_with(rescored: Rescored) -> None:
    by_model = "select rows_read from scored_files where uri = 'bad.csv'"
    assert ask(rescored.home.warehouse, by_model) == [(1,), (1,)]
    assert rescored.left == ()


@pytest.mark.slow
def test_what_was_refused_for_the_earlier_model_stays_refused(rescored: Rescored) -> None:
    assert rescored.summary.files_refused == 0
    assert count(rescored.home, "scored_files where uri = 'empty.csv'") == 1


@pytest.mark.slow
def test_everything_that_depends_on_the_model_is_the_new_models(rescored: Rescored) -> None:
    home, model_id = rescored.home, find_champion_id(rescored.home)
    columns = "score, sentiment, predicted_rating, token_count, oov_rate, truncated"
    rows = ask(
        home.warehouse,
        f"select text, {columns} from scored_reviews join source_reviews using (source_sha256, row_number) "
        f"where model_id = '{model_id}'",
    )
    texts = [row[0] for row in rows]
    expected = score_texts(load_scorer(home.bundles / model_id), texts)
    assert [row[1] for row in rows] == pytest.approx(expected.score.tolist(), abs=1e-6)
    assert [row[3] for row in rows] == pytest.approx((1 + 9 * expected.score).tolist(), abs=1e-6)
    assert [row[2] == "positive" for row in rows] == (expected.score >= 0.5).tolist()
    assert [row[4] for row in rows] == expected.token_count.tolist()
    assert [row[5] for row in rows] == pytest.approx(expected.oov_rate.tolist())


@pytest.mark.slow
def test_the_ledger_has_of_the_new_model_what_it_had_of_the_old(rescored: Rescored) -> None:
    older = "scored_files where uri in ('a.csv', 'b.csv', 'bad.csv')"
    same = f"select distinct source_sha256, status, rule, uri, format, bytes, rows_read from {older}"
    assert len(ask(rescored.home.warehouse, same)) == 3
    assert count(rescored.home, older) == 6


@pytest.mark.slow
def test_rows_read_are_rows_scored_plus_quarantined_for_every_model(rescored: Rescored) -> None:
    assert ask(rescored.home.warehouse, UNACCOUNTED) == []


@pytest.mark.slow
def test_a_second_run_scores_nothing_again(rescored: Rescored) -> None:
    assert rescored.left == ()
    assert find_rescorable(rescored.home.warehouse, None) == []


@pytest.mark.slow
def test_sources_first_committed_before_since_are_left_out(older_home: Home) -> None:
    with open_warehouse(older_home.warehouse, write=True) as connection:
        connection.execute(
            "update scored_files set committed_at = committed_at - interval 2 days where uri = 'a.csv'"
        ).fetchall()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert run(rescore=True, since=yesterday).rows_rescored == 1
    assert [file.uri for file in plan(rescore=True).files] == ["a.csv"]


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
    assert plan(model_id=earlier, rescore=True).files == ()


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
def test_what_runs_score_again_in_the_time_that_they_have_is_what_one_without_a_limit_does(
    in_time: InTime, rescored: Rescored
) -> None:
    done = [(each.files_rescored, each.files_left, each.rows_left) for each in in_time.runs]
    assert done == [(1, 1, 1), (1, 0, 0)]
    older = "(select source_sha256 from scored_files where uri in ('a.csv', 'b.csv'))"
    rows = f"select * exclude (run_id, scored_at) from scored_reviews where source_sha256 in {older} order by all"
    assert ask(in_time.home.published, rows) == ask(rescored.home.published, rows)
    assert len(ask(in_time.home.published, rows)) == 6


@pytest.mark.slow
def test_new_files_are_all_scored_however_little_time_there_is_to_score_again(in_time: InTime) -> None:
    assert [each.files_scored for each in in_time.runs] == [2, 0]


@pytest.mark.slow
def test_a_dry_run_says_when_a_run_leaves_the_rest_where_there_is_something_to_score_again(
    older_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "REVIEWS_RESCORE_MINUTES" not in describe_scoring(plan(rescore=True))
    monkeypatch.setenv("REVIEWS_RESCORE_MINUTES", "10")
    assert "After 10 min of scoring again a run leaves the rest" in describe_scoring(plan(rescore=True))
    assert plan().rescore_seconds is None


def test_the_name_of_a_run_says_apart_what_was_new_and_what_was_scored_again() -> None:
    new, again = CommitSummary(1, 0, 3, 0), CommitSummary(0, 0, 0, 0, 2, 1400)
    outcome = RunOutcome((GroupResult((), new), GroupResult((), again)))
    assert name_outcome(outcome, 1) == "1 file 3 reviews, 2 files 1,400 reviews again 1 file not read"
    assert name_outcome(RunOutcome(), 0) == "nothing new"


def test_a_run_says_what_it_leaves_to_be_scored_again_by_the_next_one() -> None:
    summary = ScoringSummary("inbox", 1, 0, 0, 0, "model", 0, (), files_left=1, rows_left=3)
    assert "  left        3 reviews of 1 file for the next run with --rescore" in describe_scoring(summary)

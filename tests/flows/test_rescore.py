"""Tests of rescoring: reviews of older models are scored again, completely and once, from the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from data_contracts.errors import BundleError
from data_contracts.storage.home import Home
from flows.score_reviews import score_reviews
from flows.scoring_message import ScoringSummary
from models.bundle.scorer import load_scorer, score_texts
from tasks.inbox import source_files as inbox
from tasks.scoring.plan import PlannedFile
from tasks.stages import score as score_stages
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.scoring_runs import CSV, count, drop, plan, prove, run, run_killed
from tests.support.small_home import (
    ask,
    copy_home,
    copy_scoring_home,
    promote_small_model,
    write_small_bundle,
)


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


def find_champion_id(home: Home) -> str:
    return str(ask(home.warehouse, "select model_id from promotions order by number desc limit 1")[0][0])


@pytest.mark.slow
def test_without_being_asked_nothing_is_scored_again(older_home: Home) -> None:
    assert run().files_rescored == 0
    assert count(older_home, "scored_reviews") == 3


@pytest.mark.slow
def test_every_source_is_scored_again_beside_new_files_and_the_old_scores_stay(rescored: Rescored) -> None:
    summary, home = rescored.summary, rescored.home
    assert (summary.files_rescored, summary.rows_rescored) == (3, 3)
    assert (summary.files_scored, summary.rows_scored, summary.rows_quarantined) == (1, 1, 0)
    assert (summary.files_refused, count(home, "scored_files where uri = 'empty.csv'")) == (0, 1)
    of_older = "(select source_sha256 from scored_files where uri <> 'new.csv')"
    per_model = f"select count(*) from scored_reviews where source_sha256 in {of_older} group by model_id"
    assert ask(home.published, per_model) == [(3,), (3,)]
    assert (count(home, "source_reviews"), count(home, "quarantined_rows")) == (4, 2)
    assert rescored.left == ()
    prove(home)


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
    prove(older_home)
    assert not any(older_home.parts.iterdir())


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


@pytest.mark.slow
def test_what_runs_score_again_in_the_time_that_they_have_is_what_one_without_a_limit_does(
    older_home: Home, rescored: Rescored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "GROUP_FILES", 1)
    monkeypatch.setenv("REVIEWS_RESCORE_MINUTES", "0.000001")
    for name in ("new", "newer"):
        drop(older_home, f"{name}.csv", f"text\n{name} film\n")
    done = [
        (each.files_scored, each.files_rescored, each.files_left, each.rows_left)
        for each in (run(rescore=True), run(rescore=True))
    ]
    assert done == [(2, 1, 1, 1), (0, 1, 0, 0)]
    older = "(select source_sha256 from scored_files where uri in ('a.csv', 'b.csv'))"
    rows = f"select * exclude (run_id, scored_at) from scored_reviews where source_sha256 in {older} order by all"
    assert ask(older_home.published, rows) == ask(rescored.home.published, rows)
    assert len(ask(older_home.published, rows)) == 6


@pytest.mark.slow
def test_what_was_found_by_other_words_is_found_again_when_scoring_again(scoring_home: Home) -> None:
    drop(scoring_home, "a.csv", "text\ngood acting but a bad plot.\na good ending\n")
    run()
    mentions = (
        "select text, mentions, aspects_version from source_reviews join scored_files using (source_sha256)"
    )
    before = sorted(ask(scoring_home.published, mentions))
    assert [len(said) for _, said, _ in before] == [1, 2]
    with open_warehouse(scoring_home.warehouse, write=True) as connection:
        connection.execute("update source_reviews set mentions = null")
        connection.execute("update scored_files set aspects_version = 'films-0'")
    run()
    assert count(scoring_home, "source_reviews where mentions is not null") == 0
    run(rescore=True)
    assert sorted(ask(scoring_home.published, mentions)) == before
    prove(scoring_home)

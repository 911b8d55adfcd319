"""Tests of shadow scoring: a challenger scores what the champion scored, after it, unseen, and never at its cost."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import tasks.shadow.scoring
import tasks.training.contest
from data_contracts.storage.home import Home
from flows import shadow_scoring
from flows.command.cli import main
from models.bundle.scorer import load_scorer, score_texts
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.snapshots.home_backup import back_up_home, restore_home
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.model_registry import find_champion
from tasks.warehouse.shadow.record import ShadowStart, find_last_shadow, find_shadow, start_shadow
from tasks.warehouse.shadow.sums import rebuild_shadow_sums
from tests.support.contests import hold_better
from tests.support.scoring_runs import CSV, copy_scored_home, count, drop, prove, run
from tests.support.small_home import ask, copy_home, copy_scoring_home, start_small_shadow, write_small_bundle

SEEN = (
    "latest_scores",
    "movie_ratings",
    "daily_scores",
    "live_accuracy",
    "model_comparison",
    "lineage",
    "drift",
    "scored_reviews",
    "scored_files",
    "flipped_scores",
    "source_measures",
    "run_measures",
    "source_days",
)
"""What people and programs see of scores."""
ROWS = "".join(
    f"r{number},tt{number % 9},{'good' if number % 2 else 'bad'} film {number},{2 + 6 * (number % 2)}/10\n"
    for number in range(150)
)
RATED = f"review_id,movie_id,text,rating\n{ROWS}"


@pytest.fixture
def home(home: Home) -> Home:
    """A home with a champion, a shadow from the first file on, and no file yet."""
    return copy_home(home, "shadow", fill_home)


def fill_home(home: Home) -> None:
    copy_scoring_home(home)
    start_small_shadow(home)


@pytest.fixture
def waiting_home(empty_home: Home) -> Home:
    """A home in which the champion has scored two files that the shadow is to score with the next run."""

    def fill(made: Home) -> None:
        copy_scored_home(made, {"a.csv": CSV, "b.csv": "text\ngood plot\n"})
        start_small_shadow(made)

    return copy_home(empty_home, "waiting", fill)


def reviews(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments])


def find_shadow_id(home: Home) -> str:
    last = find_last_shadow(home.warehouse)
    assert last is not None
    return last.model_id


def read_seen(home: Home, database: Path) -> dict[str, Any]:
    """Read what is seen, without the ids of runs and times."""
    tables = {}
    for name in SEEN:
        columns = [column for column, *_ in ask(database, f"describe {name}")]
        kept = [each for each in columns if each not in ("run_id", "day") and not each.endswith("_at")]
        tables[name] = ask(database, f"select {', '.join(kept)} from {name} order by all")
    return tables


@pytest.mark.slow
def test_a_run_scores_with_the_shadow_once_what_the_champion_has_scored(home: Home) -> None:
    for name, content in {"a.csv": CSV, "bad.csv": "text\n" + "  \n" * 40, "rated.csv": RATED}.items():
        drop(home, name, content)
    assert [run().shadow is None, run().shadow is None] == [False, True]
    shadow = find_shadow_id(home)
    rows = "shadow_scores join source_reviews using (source_sha256, row_number)"
    found = ask(home.published, f"select text, score, model_id from {rows}")
    assert len(found) == count(home, "scored_reviews") == 152
    expected = score_texts(load_scorer(home.bundles / shadow), [text for text, *_ in found])
    assert [score for _, score, _ in found] == pytest.approx(expected.score.tolist(), abs=1e-6)
    assert {model for *_, model in found} == {shadow}
    prove(home)


@pytest.mark.slow
def test_nobody_sees_a_score_of_the_shadow(scored_home: Home) -> None:
    before = read_seen(scored_home, scored_home.published)
    start_small_shadow(scored_home)
    summary = run()
    assert summary.shadow is not None
    assert count(scored_home, "shadow_scores") == 2
    assert read_seen(scored_home, scored_home.published) == before
    assert summary.files_scored + summary.files_rescored == 0


@pytest.mark.slow
def test_only_files_that_came_since_its_beginning_are_scored(scored_home: Home) -> None:
    start_shadow(scored_home.warehouse, ShadowStart(write_small_bundle(scored_home, 1).name, "ann"))
    drop(scored_home, "b.csv", "text\ngood plot\n")
    run()
    assert ask(scored_home.warehouse, "select rows from shadow_files") == [(1,)]


@pytest.mark.slow
def test_a_stopped_shadow_scores_nothing_more(waiting_home: Home) -> None:
    assert reviews("models", "shadow", "stop").exit_code == 0
    assert run().shadow is None
    assert count(waiting_home, "shadow_files") == 0


@pytest.mark.slow
def test_a_shadow_whose_bundle_is_gone_costs_the_run_nothing_and_is_a_finding(home: Home) -> None:
    shutil.rmtree(home.bundles / find_shadow_id(home))
    drop(home, "a.csv", CSV)
    summary = run()
    assert (summary.files_scored, summary.rows_scored) == (1, 2)
    assert [each.kind for each in summary.findings] == ["shadow_trouble"]
    shown = reviews("models", "shadow", "status").stdout
    assert "trouble     since" in shown
    assert "1 file left to the next run" in shown


@pytest.mark.slow
def test_a_shadow_whose_scorer_fails_leaves_its_files_to_the_next_run(
    waiting_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("the engine broke")

    with monkeypatch.context() as patch:
        patch.setattr(tasks.shadow.scoring, "rescore_group", fail)
        run()
    assert "a.csv: the engine broke" in reviews("models", "shadow", "status").stdout
    run()
    assert count(waiting_home, "shadow_scores") == 3
    found = find_shadow(waiting_home.warehouse)
    assert found is not None
    assert found.trouble is None


@pytest.mark.slow
def test_a_database_that_fails_at_the_shadow_does_not_fail_the_run(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    drop(home, "a.csv", CSV)
    monkeypatch.setattr(shadow_scoring, "find_shadow", fail)
    assert (run().rows_scored, run().shadow) == (2, None)


@pytest.mark.slow
def test_when_its_time_is_over_a_run_leaves_the_rest_to_the_next_one(
    waiting_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.shadow.scoring, "group_found_files", lambda files: [(each,) for each in files])
    monkeypatch.setattr(shadow_scoring, "SHADOW_SECONDS", 0.00001)
    assert "1 file left to the next run" in str(run().shadow)
    assert count(waiting_home, "shadow_files") == 1
    run()
    assert count(waiting_home, "shadow_files") == 2


@pytest.mark.slow
def test_a_restored_backup_has_the_shadows_scores_but_those_that_were_forgotten(home: Home) -> None:
    drop(home, "a.csv", CSV)
    run()
    backup = back_up_home(home, None, lambda line: None)
    forget_everywhere(home, ForgetRequest("a", None, "ann"), lambda line: None)
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("DELETE FROM shadow_scores")
    restore_home(home, backup, lambda line: None)
    assert ask(home.published, "select row_number from shadow_scores") == [(2,)]
    prove(home)


def judge(home: Home) -> None:
    """Let the shadow be wrong on all of 150 labelled reviews, and the champion right."""
    drop(home, "a.csv", RATED)
    run()
    review = "review.source_sha256 = scores.source_sha256 and review.row_number = scores.row_number"
    is_positive = f"(select given_rating > 5 from source_reviews as review where {review})"
    with open_warehouse(home.warehouse, write=True) as connection:
        for table, right, wrong in (("scored_reviews", 0.9, 0.1), ("shadow_scores", 0.1, 0.9)):
            connection.execute(
                f"update {table} as scores set score = if({is_positive}, {right}, {wrong}), "
                f"sentiment = if({is_positive} = ({right} > 0.5), 'positive', 'negative')"
            )
        rebuild_shadow_sums(connection)


@pytest.mark.slow
def test_the_gate_refuses_a_challenger_that_was_worse_on_own_traffic_unless_it_is_forced(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(home)
    monkeypatch.setattr("tasks.training.contest.load_contest_rows", lambda *_: None)
    monkeypatch.setattr(tasks.training.contest, "hold_contest", lambda *_: hold_better())
    shadow = find_shadow_id(home)
    refused = reviews("models", "promote", shadow)
    assert refused.exit_code == 1
    assert "0.0000 against 1.0000 on 150 labelled reviews of own traffic" in refused.stderr
    assert ask(home.published, "select name from gate_checks where not passed") == [("own_traffic",)]
    assert reviews("models", "promote", shadow, "--force").exit_code == 0
    champion = find_champion(home.warehouse)
    assert champion is not None
    assert champion.model_id == shadow
    assert find_shadow(home.warehouse) is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("champion",), "is the champion. Next: name another model"),
        (("nobody",), "No model 'nobody' is known"),
        (("cnn_lstm-s1", "--until", "2026-01-01"), "is over, or more than ten years away"),
    ],
)
def test_what_can_not_be_a_shadow_is_refused(empty_home: Home, arguments: tuple[str, ...], says: str) -> None:
    copy_scoring_home(empty_home)
    write_small_bundle(empty_home, 1)
    refused = reviews("models", "shadow", "start", *arguments)
    assert refused.exit_code == 2
    assert says in refused.stderr


def test_a_model_whose_bundle_was_altered_can_not_be_the_shadow(empty_home: Home) -> None:
    copy_scoring_home(empty_home)
    (write_small_bundle(empty_home, 1) / "vocabulary.json").write_text("[]")
    refused = reviews("models", "shadow", "start", "cnn_lstm-s1")
    assert refused.exit_code == 1
    assert "was altered" in refused.stderr
    assert find_shadow(empty_home.warehouse) is None


@pytest.mark.slow
def test_the_commands_start_prolong_show_and_stop_the_shadow(empty_home: Home) -> None:
    copy_scoring_home(empty_home)
    shadow = write_small_bundle(empty_home, 1).name
    until = str(datetime.now(UTC).date() + timedelta(2))
    for words, says in (
        ("status", "No model is the shadow. Next: reviews models shadow start MODEL"),
        ("stop", "nothing to stop"),
        ("start cnn_lstm-s1", f"{shadow} is the shadow until"),
        (f"start cnn_lstm-s1 --until {until}", "is the shadow still, now until"),
        ("status", "compared    not yet"),
        ("stop", "is no longer the shadow"),
        ("status", "stopped it on"),
    ):
        assert says in reviews("models", "shadow", *words.split()).stdout

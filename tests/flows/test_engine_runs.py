"""Tests of `score-reviews` with workers: what comes of their scores equals what the run alone makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from data_contracts.errors import EngineError, WorkerKilledError
from data_contracts.storage.home import Home
from flows import shadow_scoring
from flows.scoring_message import ScoringSummary
from tests.support.inner_engine import KILLER, InnerEngine, use_inner_engine
from tests.support.scoring_runs import CSV, count, describe, drop, list_refused, plan, prove, run
from tests.support.small_home import (
    ask,
    copy_home,
    copy_scoring_home,
    promote_small_model,
    start_small_shadow,
)
from tests.support.stored_runs import send

pytestmark = pytest.mark.slow

TABLES = {
    "scores": "select source_sha256, row_number, model_id, score, token_count from scored_reviews order by all",
    "latest": "select source_sha256, row_number, score, text, given_label from latest_scores order by all",
    "ledger": "select uri, model_id, status, rule, rows_read, source, bytes from scored_files order by all",
    "checks": "select source_sha256, boundary, rule, success, unexpected_count from contract_results order by all",
    "quarantined": "select uri, row_number, rule, detail, raw from quarantined_rows order by all",
    "shadow": "select source_sha256, row_number, score from shadow_scores order by all",
    "counts": "select counts::varchar from runs where flow = 'score-reviews' order by started_at",
}


@dataclass(frozen=True)
class Pair:
    """A home for which workers scored, and one that scored the same files alone."""

    home: Home
    alone: Home
    store: Path
    summaries: list[ScoringSummary]
    """Of the runs with workers."""
    engine: InnerEngine


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    store = fill_store(folder / "store")
    alone, home = (copy_scoring_home(Home(folder / name)) for name in ("alone", "home"))
    score_all(alone, store)
    with use_inner_engine() as engine:
        return Pair(home, alone, store, score_all(home, store), engine)


def fill_store(folder: Path) -> Path:
    """Put files of three sources, one that is there twice and one that is refused into the inbox of a store."""
    for number in range(3):
        send(folder, f"shop/{number}.csv", f"text,stars\ngood film {number},8\nxyzzy qwrtp {number},2\n ,3\n")
        send(folder, f"club/{number}.csv", f"words\ngood film of all {number}\nbad film of all {number}\n")
        days = f"review_id,text\nsame,good film of day {number}\nown-{number},bad film\n"
        send(folder, f"days/{number}.csv", days)
    send(folder, "copy.csv", "text,stars\ngood film 1,8\nxyzzy qwrtp 1,2\n ,3\n")
    send(folder, "refused.csv", "stars\n8\n")
    return folder


def score_all(home: Home, store: Path) -> list[ScoringSummary]:
    """Score new files, also with a shadow, a source once more by another profile, and all again by another model."""
    drop(home, "mine/a.csv", CSV)
    drop(home, "large.csv", "text\n" + "".join(f"a good zebrafish film {number}\n" for number in range(9)))
    describe(home, 'each_file = "replaces"\n[columns]\ntext = "words"\n', "club")
    start_small_shadow(home)
    with use_home(home, store) as patch:
        summaries = [run()]
        patch.setattr(shadow_scoring, "find_shadow", lambda warehouse: None)
        describe(home, '[columns]\ntext = "text"\n[dates]\nformat = "iso"\n', "mine")
        summaries.append(run(rescan="mine"))
        promote_small_model(home, seed=5)
        return [*summaries, run(rescore=True)]


@contextmanager
def use_home(home: Home, store: Path) -> Iterator[pytest.MonkeyPatch]:
    """Set a home and its store in the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_HOME", str(home.folder))
        patch.setenv("REVIEWS_STORE", f"file://{store}")
        yield patch


@pytest.mark.parametrize("query", TABLES.values(), ids=TABLES)
def test_a_home_with_workers_equals_one_without(pair: Pair, query: str) -> None:
    rows = ask(pair.home.published, query)
    assert rows == ask(pair.alone.published, query)
    assert rows != []


def test_workers_score_files_of_the_home_and_of_the_store_rescans_the_shadow_and_again(pair: Pair) -> None:
    new, rescanned, again = pair.summaries
    assert (new.rows_scored, rescanned.rows_scored, again.rows_rescored) == (26, 2, 22)
    texts = [text for batch in pair.engine.scored for text in batch]
    assert texts.count("good film") == 4  # new, by the shadow, in the rescan, again
    assert len(set(pair.engine.bundles)) == 3


def test_a_home_with_workers_is_whole_and_they_leave_nothing_in_the_store(pair: Pair) -> None:
    with use_home(pair.home, pair.store):
        assert plan(rescore=True).files == ()
    assert [path.name for path in pair.store.iterdir()] == ["inbox"]
    prove(pair.home)


def test_a_file_whose_texts_end_workers_is_refused_by_name_and_scored_without_them_when_it_is_named(
    scoring_home: Home,
) -> None:
    rows = "".join(f"good film {number}\n" for number in range(9))
    drop(scoring_home, "a.csv", f"text\n{rows}")
    drop(scoring_home, "b.csv", f"text\n{rows}a {KILLER} film\n{rows}")
    drop(scoring_home, "c.csv", "text\nbad plot\n")
    with use_inner_engine():
        [refused] = list_refused(run())
        assert refused.startswith("b.csv: workers_killed: its texts ended several workers")
        assert plan().files == ()
    assert count(scoring_home, "scored_reviews") == 10
    assert run(files=["b.csv"]).rows_scored == 19
    prove(scoring_home)


@pytest.fixture
def older_home(home: Home) -> Home:
    """A home with three files that the champion before has scored; the texts of one end workers."""

    def fill(made: Home) -> None:
        copy_scoring_home(made)
        for name, text in {"a": "good film", "b": f"a {KILLER} film", "c": "bad plot"}.items():
            drop(made, f"{name}.csv", f"text\n{text}\n")
        run()
        promote_small_model(made, seed=1)

    return copy_home(home, "older", fill)


def test_a_file_whose_texts_end_workers_keeps_its_earlier_scores_and_the_others_are_scored_again(
    older_home: Home,
) -> None:
    with use_inner_engine(), pytest.raises(WorkerKilledError, match=r"(?s)b.csv.*all the same: 2 files"):
        run(rescore=True)
    assert [file.uri for file in plan(rescore=True).files] == ["b.csv"]
    assert run(rescore=True).files_rescored == 1
    prove(older_home)


def test_a_run_that_loses_its_workers_keeps_what_it_has_and_the_next_one_goes_on(scoring_home: Home) -> None:
    for number in range(6):
        drop(scoring_home, f"{number}.csv", f"text\ngood film {number}\n")
    lost = r"(?s)was lost.*Not scored: 2.csv, 3.csv\n.*all the same: 2 files"
    with use_inner_engine(lost_after=1), pytest.raises(EngineError, match=lost):
        run()
    with use_inner_engine() as engine:
        assert run().rows_scored == 4
    assert len(engine.scored) == 2
    prove(scoring_home)

"""Tests of rescoring with workers: what they score again is committed as what the run itself scores again."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import EngineError, ReviewsError, WorkerKilledError
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id
from flows.scoring_message import ScoringSummary
from tasks.engine import worker_text_task
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.scoring import rescoring
from tasks.scoring.rescoring import find_rescorable
from tasks.stages.engine import rescoring_on_engine
from tasks.store.stored_parts import PartManifest, StoredPart, upload_part
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support import inner_engine
from tests.support.forked import run_to_fault
from tests.support.inner_engine import InnerEngine, rescore_by_engine, use_inner_engine
from tests.support.scoring_runs import count, drop, plan, prove, run
from tests.support.small_home import ask, copy_home, copy_scoring_home, promote_small_model
from tests.support.stored_runs import Pair, list_parts, score_twice, send

pytestmark = pytest.mark.slow

ROWS = (
    "select source_sha256, row_number, model_id, round(score, 6), sentiment, token_count, oov_rate, truncated"
)
TABLES = {
    "rows": f"{ROWS} from scored_reviews order by all",
    "ledger": "select source_sha256, model_id, uri, status, rows_read, source, bytes from scored_files order by all",
    "checks": "select source_sha256, boundary, rule, success, unexpected_count from contract_results order by all",
    "counts": "select counts::varchar from runs where flow = 'score-reviews' order by started_at",
}
OWN_LEDGER = f"select * from ({TABLES['ledger']}) where uri not like 'file:%' order by all"
FILES, ROWS_SCORED = 4, 15


@pytest.fixture
def older_home(home: Home) -> Home:
    """A home with four files scored by the previous champion, one of them larger, and a new champion."""
    return copy_older_home(home)


def copy_older_home(home: Home) -> Home:
    return copy_home(home, "older-scores-of-four", fill_older_home)


def fill_older_home(home: Home) -> None:
    copy_scoring_home(home)
    for number in range(FILES - 1):
        drop(home, f"shop-a/{number}.csv", f"text,stars\ngood film {number},8\nbad plot {number},2\n ,3\n")
    drop(home, "large.csv", "text\n" + "".join(f"a good zebrafish film {number}\n" for number in range(9)))
    run()
    promote_small_model(home, seed=1)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the store that is set; its inbox is empty."""
    folder = make_store(tmp_path)
    monkeypatch.setenv("REVIEWS_STORE", f"file://{folder}")
    return folder


def make_store(folder: Path) -> Path:
    (folder / "store" / "inbox").mkdir(parents=True)
    return folder / "store"


@pytest.fixture(scope="module")
def rescored(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """What was scored again, and a new object first."""
    folder = tmp_path_factory.mktemp("rescored")
    home, store = copy_older_home(Home(folder / "home")), make_store(folder)
    send(store, "new.csv", "text\ngood plot\n")
    with use_small_groups(home, store):
        return score_twice(home, store, rescore=True)


@contextmanager
def use_small_groups(home: Home, store: Path) -> Iterator[pytest.MonkeyPatch]:
    """Set a home and its store in the block, and let workers get few texts at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_HOME", str(home.folder))
        patch.setenv("REVIEWS_STORE", f"file://{store}")
        patch.setattr(rescoring_on_engine, "WORKER_GROUP_BYTES", 50)
        patch.setattr(rescoring, "WORKER_GROUP_BYTES", 50)
        yield patch


def test_what_workers_score_again_equals_what_one_machine_does(rescored: Pair) -> None:
    assert (rescored.summary.files_rescored, rescored.summary.rows_rescored) == (FILES, ROWS_SCORED)
    for query in TABLES.values():
        assert ask(rescored.home.published, query) == ask(rescored.alone.published, query)


def test_what_workers_have_scored_again_is_whole_and_nothing_is_left_to_do_or_to_delete(
    rescored: Pair,
) -> None:
    assert rescored.left == ()
    assert rescored.parts == []
    assert not rescored.home.spool.exists()
    prove(rescored.home)


def test_the_plan_counts_the_pieces_that_workers_get(rescored: Pair) -> None:
    again = [names for names in rescored.engine.scored if names != ("new.csv",)]
    assert again.count(("large.csv",)) > 1  # it was cut by its rows
    planned = rescored.planned.rescoring
    assert planned is not None
    assert (planned.pieces, planned.rows) == (len(again), rescored.summary.rows_rescored)


def test_workers_are_started_once_for_new_objects_and_for_what_they_score_again(rescored: Pair) -> None:
    done = rescored.summary.files_scored, rescored.summary.files_rescored, rescored.engine.opened
    assert done == (1, FILES, 1)


@dataclass(frozen=True)
class InTime:
    """A home in which a run with workers had time for one group, and the next one for all; what both did."""

    home: Home
    first: ScoringSummary
    scored: set[tuple[str, ...]]
    """What the first one handed out."""
    kept: bool
    """Whether what a killed run had left in the store was there after the first one."""
    next: ScoringSummary


@pytest.fixture(scope="module")
def in_time(tmp_path_factory: pytest.TempPathFactory) -> InTime:
    folder = tmp_path_factory.mktemp("in-time")
    home, store = copy_older_home(Home(folder / "home")), make_store(folder)
    send(store, "new.csv", "text\ngood plot\n")
    left = store / "parts" / ensure_home_id(home) / "scores" / "manifest.json"
    left.parent.mkdir(parents=True)
    left.write_text("{}")
    home.spool.mkdir()
    with use_small_groups(home, store) as patch, use_inner_engine(folder / "worker") as engine:
        patch.setenv("REVIEWS_RESCORE_MINUTES", "0.000001")
        first, scored, kept = run(rescore=True), set(engine.scored), left.exists()
        patch.delenv("REVIEWS_RESCORE_MINUTES")
        return InTime(home, first, scored, kept, run(rescore=True))


def test_when_its_time_is_over_a_run_hands_no_further_group_out(in_time: InTime) -> None:
    first = in_time.first
    assert (first.files_scored, first.files_rescored, first.rows_rescored) == (1, 1, 9)
    assert (first.files_left, first.rows_left) == (FILES - 1, ROWS_SCORED - 9)
    assert in_time.scored == {("new.csv",), ("large.csv",)}  # the second one in several pieces


def test_a_run_goes_on_where_the_time_of_the_one_before_was_over(in_time: InTime, rescored: Pair) -> None:
    assert in_time.next.files_rescored == FILES - 1
    for query in (TABLES["rows"], OWN_LEDGER):
        assert ask(in_time.home.published, query) == ask(rescored.alone.published, query)


def test_what_a_killed_run_left_in_the_store_is_kept_for_the_files_that_are_left(in_time: InTime) -> None:
    assert in_time.kept


@pytest.mark.process
@pytest.mark.parametrize(
    "point",
    ["engine: texts stored#2", "engine: part uploaded#2", "engine: scores joined"],
)
def test_texts_are_scored_again_once_though_the_run_is_killed(
    older_home: Home, store: Path, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_to_fault(point, rescore_by_engine, older_home.folder, f"file://{store}", tmp_path / "worker")
    left = {name.split("/")[2] for name in list_parts(store) if name.endswith("manifest.json")}
    made: list[str] = []

    def note(part: StoredPart, *arguments: Any) -> PartManifest:
        made.append(part.key)
        return upload_part(part, *arguments)

    monkeypatch.setattr(worker_text_task, "upload_part", note)
    with use_inner_engine(tmp_path / "worker"):
        run(rescore=True)
    assert not left & set(made)
    assert count(older_home, "scored_reviews") == 2 * ROWS_SCORED
    assert list_parts(store) == []
    prove(older_home)


@dataclass(frozen=True)
class Killed:
    """A home, and its store, in which the texts of one file killed workers in a run."""

    home: Home
    store: Path
    uri: str
    error: str
    """What the run raised."""


@pytest.fixture(scope="module")
def killed_once(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder, uri = tmp_path_factory.mktemp("killed"), "shop-a/1.csv"
    home, store = copy_older_home(Home(folder / "home")), make_store(folder)
    with use_killer(Killed(home, store, uri, "")), pytest.raises(WorkerKilledError) as raised:
        run(rescore=True)
    return Killed(home, store, uri, str(raised.value))


@contextmanager
def use_killer(killed: Killed) -> Iterator[InnerEngine]:
    """Let runs in a home score by workers in the block, which the texts of a file kill."""
    with (
        pytest.MonkeyPatch.context() as patch,
        use_inner_engine(killed.home.folder.parent / "worker") as engine,
    ):
        patch.setattr(inner_engine, "KILLER", killed.uri)
        patch.setenv("REVIEWS_HOME", str(killed.home.folder))
        patch.setenv("REVIEWS_STORE", f"file://{killed.store}")
        yield engine


@pytest.fixture
def killed(killed_once: Killed, home: Home) -> Killed:
    """A copy of that home."""
    shutil.copytree(killed_once.home.folder, home.folder)
    return replace(killed_once, home=home)


def test_a_file_whose_texts_kill_workers_is_named_and_the_others_are_scored(killed: Killed) -> None:
    assert f"Not scored: {killed.uri}\n" in killed.error
    assert f"Committed all the same: {FILES - 1} files" in killed.error
    assert [name for name in list_parts(killed.store) if "texts" in name] == []
    [source] = find_rescorable(killed.home.warehouse, None)
    assert (source.uri, source.killed_in) == (killed.uri, 1)


def test_a_file_whose_texts_killed_workers_is_scored_without_them(killed: Killed) -> None:
    assert run(rescore=True).files_rescored == 1
    prove(killed.home)


def test_a_file_whose_texts_killed_workers_in_one_run_is_handed_out_by_the_next(killed: Killed) -> None:
    with use_killer(killed), pytest.raises(WorkerKilledError, match=killed.uri):
        run(rescore=True)
    [source] = find_rescorable(killed.home.warehouse, None)
    assert source.killed_in == 2


def note_killings(killed: Killed) -> None:
    """Record what runs record over whose texts workers were killed, until it is as many as a file may have."""
    with open_warehouse(killed.home.warehouse, write=True) as connection:
        for number in range(1, rescoring.KILLING_RUNS):
            connection.execute(
                f"insert into contract_results by name select * replace ('run-{number}' as run_id) "
                "from contract_results where rule = 'workers_killed' and run_id not like 'run-%'"
            )


def test_a_file_whose_texts_killed_workers_in_three_runs_is_handed_out_only_where_it_is_named(
    killed: Killed,
) -> None:
    note_killings(killed)
    with use_killer(killed) as engine:
        [skipped] = run(rescore=True).skipped
        assert (skipped.uri, engine.scored) == (killed.uri, [])
        assert "killed workers in 3 runs" in skipped.reason
        assert [file.uri for file in plan(rescore=True).files] == []
        with pytest.raises(WorkerKilledError, match=killed.uri):
            run(rescore=True, files=[killed.uri])


def test_texts_that_killed_workers_by_one_model_may_do_no_harm_by_another(killed: Killed) -> None:
    note_killings(killed)
    assert [source.killed_in for source in find_rescorable(killed.home.warehouse, None)] == [3]
    promote_small_model(killed.home, seed=5)
    assert [source.killed_in for source in find_rescorable(killed.home.warehouse, None)] == [0] * FILES


def test_a_run_that_loses_its_workers_leaves_no_texts_in_the_store_and_the_next_one_goes_on(
    older_home: Home, store: Path, tmp_path: Path
) -> None:
    with use_inner_engine(tmp_path / "worker", lost_after=1), pytest.raises(EngineError, match="was lost"):
        run(rescore=True)
    assert [name for name in list_parts(store) if "texts" in name] == []
    with use_inner_engine(tmp_path / "worker"):
        run(rescore=True)
    assert count(older_home, "scored_reviews") == 2 * ROWS_SCORED
    prove(older_home)


def test_scores_that_are_damaged_before_they_are_fetched_are_made_anew_by_the_same_run(
    older_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upload_and_damage(*arguments: Any) -> PartManifest:
        made = upload_part(*arguments)
        [scores] = store.glob("parts/*/*/*/scored_reviews.parquet")
        scores.write_bytes(b"short")
        monkeypatch.setattr(worker_text_task, "upload_part", upload_part)
        return made

    monkeypatch.setattr(worker_text_task, "upload_part", upload_and_damage)
    with use_inner_engine(tmp_path / "worker"):
        run(rescore=True)
    assert count(older_home, "scored_reviews") == 2 * ROWS_SCORED


@pytest.mark.process
def test_forgetting_leaves_no_byte_of_a_row_among_texts_and_scores_of_a_killed_run(
    older_home: Home, store: Path, tmp_path: Path
) -> None:
    arguments = (older_home.folder, f"file://{store}", tmp_path / "worker")
    run_to_fault("engine: part uploaded", rescore_by_engine, *arguments)
    assert any("texts" in name for name in list_parts(store))
    older_home.spool.mkdir(exist_ok=True)
    (older_home.spool / "texts.parquet").write_bytes(b"what a killed worker on this machine had fetched")
    [(text,)] = ask(
        older_home.published, "select text_sha256 from source_reviews where text like '%fish film 7'"
    )
    forget_everywhere(older_home, ForgetRequest(text, "text", "ann"), lambda line: None, f"file://{store}")
    assert list_parts(store) == []
    assert not older_home.spool.exists()
    with use_inner_engine(tmp_path / "worker"):
        assert run(rescore=True).rows_rescored == ROWS_SCORED - 1
    prove(older_home)


def test_a_worker_whose_texts_were_deleted_meanwhile_leaves_nothing(
    older_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget_meanwhile(part: StoredPart, *arguments: Any) -> PartManifest:
        made = upload_part(part, *arguments)
        shutil.rmtree(store / "parts" / part.home_id / "texts")
        return made

    monkeypatch.setattr(worker_text_task, "upload_part", forget_meanwhile)
    with use_inner_engine(tmp_path / "worker"), pytest.raises(ReviewsError, match="was deleted meanwhile"):
        run(rescore=True)
    assert list_parts(store) == []

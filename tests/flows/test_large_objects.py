"""Tests of large objects whose rows workers share: what is committed equals what the run itself makes of them."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data_contracts.errors import EngineError, StoreError, WorkerKilledError
from data_contracts.storage.home import Home
from tasks.engine import worker_text_task
from tasks.stages.engine import large_objects
from tasks.store.stored_parts import PartManifest, StoredPart, upload_part
from tests.support import inner_engine
from tests.support.forked import run_to_fault
from tests.support.inner_engine import share_out_by_engine, share_out_small_objects, use_inner_engine
from tests.support.scoring_runs import count, plan, prove, run
from tests.support.small_home import ask, copy_scoring_home
from tests.support.stored_runs import TABLES, Pair, list_parts, score_twice, send

pytestmark = pytest.mark.slow

LARGE = "shop-a/large.csv"
GOOD_ROWS = 8
ROWS = "".join(
    f"a good zebrafish film {number},{('pos', 'neg')[number % 2]}\n" for number in range(GOOD_ROWS)
)
BAD_ROWS = "  ,pos\nxyzzy qwrtp,neg\n"
"""A row without a text, and one without a word that the model knows."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the store that is set: a large object after a small one."""
    folder = make_store(tmp_path / "store")
    monkeypatch.setenv("REVIEWS_STORE", f"file://{folder}")
    return folder


def make_store(folder: Path) -> Path:
    send(folder, "shop-a/first.csv", "text\ngood film\n")
    send(folder, LARGE, f"text,label\n{BAD_ROWS}{ROWS}")
    return folder


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with share_out_small_objects():
        yield


def note_uploads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which the key of each piece is added whose scores a worker uploads."""
    made: list[str] = []

    def note(part: StoredPart, *arguments: Any) -> PartManifest:
        made.append(part.key)
        return upload_part(part, *arguments)

    monkeypatch.setattr(worker_text_task, "upload_part", note)
    return made


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    home, store = copy_scoring_home(Home(folder / "home")), make_store(folder / "store")
    send(store, "shop-b/last.csv", "text\nbad plot\n")
    with share_out_small_objects():
        return score_twice(home, store)


@pytest.mark.parametrize("query", TABLES.values(), ids=TABLES)
def test_what_workers_make_of_its_rows_equals_what_one_machine_does(pair: Pair, query: str) -> None:
    rows = ask(pair.home.published, query)
    assert rows == ask(pair.alone.published, query)
    assert rows != []


def test_a_run_counts_what_workers_made_of_its_rows(pair: Pair) -> None:
    assert pair.engine.scored.count(("large.csv",)) > 2
    done = pair.summary.files_scored, pair.summary.rows_scored, pair.summary.rows_quarantined
    assert done == (3, GOOD_ROWS + 2, 2)


def test_what_workers_made_of_its_rows_is_whole_and_nothing_is_left_to_do_or_to_delete(pair: Pair) -> None:
    assert pair.left == ()
    assert pair.parts == []
    assert not pair.home.spool.exists()
    prove(pair.home)


@pytest.mark.process
@pytest.mark.parametrize(
    "point",
    [
        "engine: texts stored#2",
        "engine: part uploaded#3",
        "engine: part fetched#4",
        "score: part half written",
    ],
)
def test_its_rows_are_scored_and_committed_once_though_the_run_is_killed(
    scoring_home: Home, store: Path, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_to_fault(point, share_out_by_engine, scoring_home.folder, f"file://{store}", tmp_path / "worker")
    left = {name.split("/")[2] for name in list_parts(store) if name.endswith("manifest.json")}
    made = note_uploads(monkeypatch)
    with use_inner_engine(tmp_path / "worker"):
        run()
    assert not left & set(made)
    assert count(scoring_home, "scored_reviews") == GOOD_ROWS + 1
    assert list_parts(store) == []
    prove(scoring_home)


def test_it_is_refused_by_name_if_its_rows_kill_workers_and_no_text_stays_in_the_store(
    scoring_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(store, "shop-b/last.csv", "text\nbad plot\n")
    monkeypatch.setattr(inner_engine, "KILLER", "large.csv")
    with use_inner_engine(tmp_path / "worker"):
        with pytest.raises(WorkerKilledError, match=r"(?s)large.csv.*Committed all the same: 2 files"):
            run()
        assert plan().files == ()
    assert count(scoring_home, "scored_files where rule = 'workers_killed'") == 1
    assert [name for name in list_parts(store) if "texts" in name] == []


def test_a_run_that_loses_its_workers_over_it_names_it_and_the_next_one_goes_on(
    scoring_home: Home, store: Path, tmp_path: Path
) -> None:
    with (
        use_inner_engine(tmp_path / "worker", lost_after=4),
        pytest.raises(EngineError, match=r"(?s)was lost.*Not scored: .*large.csv"),
    ):
        run()
    assert [name for name in list_parts(store) if "texts" in name] == []
    with use_inner_engine(tmp_path / "worker"):
        run()
    assert count(scoring_home, "scored_reviews") == GOOD_ROWS + 1
    prove(scoring_home)


def test_the_scores_of_one_go_with_its_commit_though_a_worker_failed_over_another(
    scoring_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(store, "shop-c/large.csv", f"text,label\n{ROWS}")
    made: dict[str, list[str]] = {}

    def fail_once(part: StoredPart, folder: Path, *arguments: Any) -> PartManifest:
        made[part.key] = pq.read_table(folder / worker_text_task.SCORES)["source_sha256"].to_pylist()
        if len(made) == 3:
            raise StoreError("the disk of the store is full")
        return upload_part(part, folder, *arguments)

    monkeypatch.setattr(worker_text_task, "upload_part", fail_once)
    failed = r"(?s)is full.*Not scored: .*shop-a/large.csv\n.*Committed all the same: 2 files"
    with use_inner_engine(tmp_path / "worker"), pytest.raises(StoreError, match=failed):
        run()
    left = {source for name in list_parts(store) for source in made[name.split("/")[2]]}
    assert left == {sha256((store / "inbox" / LARGE).read_bytes()).hexdigest()}
    with use_inner_engine(tmp_path / "worker"):
        run()
    assert list_parts(store) == []
    assert count(scoring_home, "scored_reviews") == 2 * GOOD_ROWS + 1
    prove(scoring_home)


def test_ctrl_c_leaves_none_of_its_texts_in_the_store(
    scoring_home: Home, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(large_objects, "fetch_whole", interrupt)
    with use_inner_engine(tmp_path / "worker"), pytest.raises(KeyboardInterrupt):
        run()
    assert list_parts(store) != []
    assert [name for name in list_parts(store) if "texts" in name] == []

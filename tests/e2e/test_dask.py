"""Tests of `score-reviews` with workers of Dask that are processes, which are killed."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from data_contracts.storage.faults import VARIABLE
from data_contracts.storage.home import Home
from tasks.engine import batches
from tasks.engine.dask_workers import ALLOWED_DEATHS, DaskEngine
from tests.support.forked import make_context
from tests.support.scoring_runs import count, drop, list_refused, prove, run
from tests.support.serverless import run_without_server
from tests.support.small_home import ask, copy_scoring_home, promote_small_model

if TYPE_CHECKING:
    from distributed import LocalCluster

pytestmark = pytest.mark.process

FILES, ROWS = 4, 30
SCORES = "select source_sha256, row_number, model_id, score from scored_reviews order by all"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with four new files of several batches."""
    made = copy_scoring_home(Home(tmp_path / "home"))
    for number in range(FILES):
        rows = "".join(f"good film {number} {row}\n" for row in range(ROWS))
        drop(made, f"{number}.csv", f"text\n{rows}")
    with pytest.MonkeyPatch.context() as patch, run_without_server():
        patch.setattr(batches, "BATCH_ROWS", 7)
        patch.setenv("REVIEWS_HOME", str(made.folder))
        patch.setenv("REVIEWS_REPORTS", "false")
        yield made


@contextmanager
def use_workers(environment: dict[str, str]) -> Iterator["LocalCluster"]:
    """Let the runs in the block score by two workers, forked from a process that has loaded the libraries."""
    import dask
    import distributed.utils
    from distributed import LocalCluster

    make_context()
    forked = {
        "distributed.worker.multiprocessing-method": "forkserver",
        "distributed.deploy.lost-worker-timeout": "300s",
        "distributed.scheduler.allowed-failures": ALLOWED_DEATHS,
        "logging.distributed": "error",
    }
    with pytest.MonkeyPatch.context() as patch, dask.config.set(forked):
        patch.setattr(distributed.utils, "_forkserver_preload_set", True)
        with LocalCluster(
            2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", env=environment
        ) as cluster:
            patch.setenv("REVIEWS_DASK", cluster.scheduler_address)
            yield cluster


def test_with_workers_of_which_one_is_killed_a_home_equals_one_without(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Home(Path(shutil.copytree(home.folder, home.folder.with_name("alone"))))
    with monkeypatch.context() as patch:
        patch.setenv("REVIEWS_HOME", str(alone.folder))
        run()
        promote_small_model(alone, seed=1)
        run(rescore=True)
    collect, killed = DaskEngine.collect, list[int]()
    with use_workers({}) as cluster:

        def kill_and_collect(engine: DaskEngine, future: Any) -> Any:
            scored = collect(engine, future)
            if (
                len(killed) < 2 and len(scored.scored if scored else ()) % 7
            ):  # at the end of a file, in each run
                killed.append(cluster.workers[len(killed)].process.pid)
                os.kill(killed[-1], signal.SIGKILL)
            return scored

        monkeypatch.setattr(DaskEngine, "collect", kill_and_collect)
        assert run().rows_scored == FILES * ROWS
        promote_small_model(home, seed=1)
        assert run(rescore=True).rows_rescored == FILES * ROWS
    assert len(killed) == 2
    assert ask(home.published, SCORES) == ask(alone.published, SCORES)
    prove(home)


def test_a_file_whose_batches_kill_three_workers_is_refused(home: Home) -> None:
    for number in range(1, FILES):
        (home.inbox / f"{number}.csv").unlink()
    with use_workers({VARIABLE: "engine: batch taken"}):
        [refused] = list_refused(run())
    assert refused.startswith("0.csv: workers_killed")
    assert count(home, "scored_reviews") == 0
    prove(home)

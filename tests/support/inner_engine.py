"""An engine whose workers are this process: each group is scored when it is waited for."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from data_contracts.errors import EngineError
from data_contracts.storage.home import Home
from tasks.engine.dispatch import Outcome, Task
from tasks.engine.worker_group_task import score_in
from tasks.inbox import source_files
from tasks.stages.engine import engine_scoring, large_objects
from tasks.store.stored_texts import StoredTexts, put_texts
from tests.support.scoring_runs import run
from tests.support.serverless import run_without_server

KILLER = "killer"
"""What is in the name of an object that kills workers."""


@dataclass
class InnerEngine:
    """Scores the group that was handed out last first; is lost after `lost_after` groups."""

    folder: Path
    lost_after: int = 1000
    running: dict[int, Task] = field(default_factory=dict)
    scored: list[tuple[str, ...]] = field(default_factory=list)
    opened: int = 0

    def count_workers(self) -> int:
        return 2

    def wait_for_worker(self) -> None: ...

    def submit(self, task: Task) -> int:
        number = len(self.running) + 1000 * len(self.scored)
        self.running[number] = task
        return number

    def wait_for_some(self, handles: Collection[Any]) -> Sequence[tuple[Any, Outcome]]:
        if len(self.scored) == self.lost_after:
            raise EngineError("The scheduler was lost.")
        handle = max(handles)
        task = self.running.pop(handle)
        self.scored.append(tuple(file.uri.rpartition("/")[2] for file in task.files))
        if any(KILLER in file.uri for file in task.files):
            return [(handle, None)]
        try:
            with TemporaryDirectory(dir=self.folder) as place:
                return [(handle, score_in(task, Home(Path(place)), self.folder / "bundles"))]
        except Exception as error:
            return [(handle, error)]


@contextmanager
def use_inner_engine(folder: Path, **how: Any) -> Iterator[InnerEngine]:
    """Let the runs in the block score by such an engine, in groups of two, with its files in a folder."""
    engine = InnerEngine(folder, **how)

    @contextmanager
    def give(address: str, place: Path, announce: object) -> Iterator[InnerEngine]:
        engine.opened += 1
        yield engine

    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_scoring, "open_engine", give)
        patch.setattr(source_files, "GROUP_FILES", 2)
        patch.setenv("REVIEWS_DASK", "tcp://127.0.0.1:1")
        yield engine


@contextmanager
def share_out_small_objects() -> Iterator[list[StoredTexts]]:
    """Let the runs in the block share out objects of more than a few rows, row by row; yield the list of the pieces."""
    pieces: list[StoredTexts] = []

    def note(*arguments: Any) -> StoredTexts:
        pieces.append(put_texts(*arguments))
        return pieces[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_scoring, "SHARED_BYTES", 100)
        patch.setattr(large_objects, "WORKER_GROUP_BYTES", 50)
        patch.setattr(large_objects, "put_texts", note)
        yield pieces


def score_by_engine(home: Path, store: str, folder: Path, **parameters: Any) -> None:
    """Score the inbox of a store by such an engine, in a process that a test kills."""
    os.environ.update(REVIEWS_HOME=str(home), REVIEWS_STORE=store, REVIEWS_REPORTS="false")
    with run_without_server(), use_inner_engine(folder):
        run(**parameters)


def share_out_by_engine(home: Path, store: str, folder: Path) -> None:
    """Score the inbox of a store by such an engine, and share out small objects, in a process that a test kills."""
    with share_out_small_objects():
        score_by_engine(home, store, folder)


def rescore_by_engine(home: Path, store: str, folder: Path) -> None:
    """Score again by such an engine, in a process that a test kills."""
    score_by_engine(home, store, folder, rescore=True)

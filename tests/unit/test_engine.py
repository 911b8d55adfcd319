"""Tests of batches handed out to workers, which are functions of the test, and of waiting for workers."""

import sys
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given

from data_contracts.errors import EngineError
from data_contracts.scored_reviews import SCORED_SCHEMA
from tasks.engine import batches, dask_workers
from tasks.engine.batches import AHEAD, score_in_order
from tasks.engine.dask_workers import DaskEngine, open_scoring
from tasks.engine.worker_task import Recipe
from tasks.scoring.chunk_scores import ScoredChunk

RECIPE = Recipe("fingerprint", "run", every_row=False)
NO_SCORES = SCORED_SCHEMA.empty_table()


def make_chunk(*files: str) -> pa.Table:
    """Return the rows of files: each letter is a text, and the first one names the file."""
    rows = [
        {"source_sha256": file[0], "row_number": number, "text": text}
        for file in files
        for number, text in enumerate(file)
    ]
    return pa.Table.from_pylist(rows)


@dataclass
class Workers:
    """Workers whom a text `x` kills when its turn comes, with all that is in flight."""

    threads: int = 2
    sent: list[str] = field(default_factory=list)
    """The texts of each batch, in the order in which they were handed out."""
    running: dict[int, str] = field(default_factory=dict)
    killed: set[int] = field(default_factory=set)
    most: int = 0

    def count_threads(self) -> int:
        return self.threads

    def submit(self, recipe: Recipe, rows: pa.Table) -> int:
        assert recipe == RECIPE
        self.sent.append("".join(rows["text"].to_pylist()))
        self.running[len(self.sent)] = self.sent[-1]
        self.most = max(self.most, len(self.running))
        return len(self.sent)

    def wait_for(self, handles: Collection[int]) -> None:
        alive = self.running.keys() - self.killed
        if any("x" in self.running[handle] for handle in alive & set(handles)):
            self.killed |= alive

    def collect(self, handle: int) -> ScoredChunk | None:
        self.wait_for({*sorted(self.running)[: max(self.threads, 1)], handle})
        del self.running[handle]
        return None if handle in self.killed else ScoredChunk(pa.table({}), NO_SCORES, {})

    def drop(self, handles: Collection[int]) -> None:
        for handle in handles:
            self.running.pop(handle, None)


def score(workers: Workers, *chunks: pa.Table) -> list[ScoredChunk]:
    return list(score_in_order(workers, RECIPE, iter(chunks)))


def join_texts(scored: list[ScoredChunk]) -> str:
    return "".join(text for each in scored for text in each.rows["text"].to_pylist())


@given(
    chunks=st.lists(st.lists(st.text("abcx", min_size=1, max_size=9), max_size=4), max_size=5),
    threads=st.integers(0, 3),
    rows=st.integers(1, 5),
)
def test_every_row_comes_back_once_in_order_and_only_files_that_kill_are_left_out(
    chunks: list[list[str]], threads: int, rows: int
) -> None:
    workers = Workers(threads)
    numbers = iter(range(100))
    tables = []
    for chunk in chunks:
        named = [f"{chr(200 + next(numbers))}{texts}" for texts in chunk]
        tables += [make_chunk(*named)] if named else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "BATCH_ROWS", rows)
        scored = score(workers, *tables)
    names = [source for table in tables for source in pc.unique(table["source_sha256"]).to_pylist()]
    texts = [text for chunk in chunks for text in chunk]
    deadly = {name for name, text in zip(names, texts, strict=True) if "x" in text}
    assert {killer for each in scored for killer in each.killers} == deadly
    expected = [f"{name}{text}" for name, text in zip(names, texts, strict=True) if name not in deadly]
    kept = [row for each in scored for row in each.rows.to_pylist() if row["source_sha256"] not in deadly]
    assert "".join(row["text"] for row in kept) == "".join(expected)
    assert workers.most <= AHEAD * max(threads, 1)
    assert workers.running == {}


def test_workers_have_batches_while_the_run_does_something_else() -> None:
    workers = Workers()
    for _ in zip(score_in_order(workers, RECIPE, iter([make_chunk("a")] * 30)), range(5), strict=False):
        assert len(workers.running) >= 2 * AHEAD - 1


def test_no_batch_has_more_bytes_than_the_bound_unless_one_text_alone_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "BATCH_BYTES", 4)
    rows = [
        {"source_sha256": "f", "row_number": number, "text": text}
        for number, text in enumerate(("aa", "aa", "a", "aaaaaa", "a", "aaa"))
    ]
    workers = Workers()
    score(workers, pa.Table.from_pylist(rows))
    assert workers.sent == ["aaaa", "a", "aaaaaa", "aaaa"]


def test_of_a_file_that_kills_workers_no_further_row_is_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_ROWS", 2)
    workers = Workers(threads=1)
    scored = score(workers, make_chunk("a" * 4 + "x" + "a" * 40), make_chunk("bbbb"))
    assert len(workers.sent) < 15
    assert join_texts(scored).endswith("bbbb")


def test_what_is_in_flight_is_dropped_where_a_run_ends_early() -> None:
    workers = Workers()
    scoring = cast("Any", score_in_order(workers, RECIPE, iter([make_chunk("a")] * 30)))
    next(scoring)
    scoring.close()
    assert workers.running == {}


class Cluster:
    """A client of Dask without a worker, and a clock."""

    now = 0.0

    def nthreads(self) -> dict[str, int]:
        return {}

    def monotonic(self) -> float:
        return self.now

    def wait(self, futures: list[Any], timeout: float) -> None:
        self.now += timeout
        raise TimeoutError


def test_a_run_gives_up_when_no_worker_comes_for_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    cluster, said = Cluster(), list[str]()
    monkeypatch.setattr(distributed, "wait", cluster.wait)
    monkeypatch.setattr(dask_workers, "time", cluster)
    with ExitStack() as stack:
        engine = DaskEngine("tcp://host:8786", said.append, stack)
        vars(engine)["client"] = cluster
        with pytest.raises(EngineError, match="tcp://host:8786: no worker came within 5 min"):
            engine.wait_for(["task"])
    assert said[0].startswith("Waiting for a worker: tcp://host:8786 has none.")


def test_without_dask_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with open_scoring("local:2", lambda words: None) as score_by:
        score_chunks = score_by(Path("no-bundle"), "fingerprint")
        with pytest.raises(EngineError, match=r"needs the extra `scale`.*Next: .*pip install"):
            list(score_chunks(cast("Any", None), "run", [make_chunk("a")]))


def test_nothing_is_started_where_nothing_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(dask_workers, "_connect")
    with open_scoring("local:2", lambda words: None) as score_by:
        score_by(Path("no-bundle"), "fingerprint")

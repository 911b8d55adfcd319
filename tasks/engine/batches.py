"""Hands batches of texts to workers, gives the scores back in order, and finds the file whose texts end workers.

Several batches are in flight for each worker, so that it has work while the run reads, writes and commits. A worker
that dies costs its batches alone: the engine gives them to others. A batch over which several workers died is a
suspect, but so is what waited in the same workers. So a suspect is scored again while nothing else is, and if workers
die then too, it is halved until one file is left.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.scored_reviews import SCORED_SCHEMA
from tasks.engine.worker_task import Recipe
from tasks.scoring.chunk_scores import ScoredChunk

BATCH_BYTES = 8 * 2**20
BATCH_ROWS = 4096
"""Most bytes of texts and most rows of a batch: few, so that all workers end at about the same time."""
AHEAD = 4
"""Batches in flight for each thread of a worker: one that it scores, one that waits there, and those that come next."""

_Sent = deque[tuple[pa.Table, Any]]
"""Batches in flight, each with the handle of its task."""


class Workers(Protocol):
    """Those who score batches."""

    def count_threads(self) -> int:
        """Return how many batches are scored at the same time."""

    def submit(self, recipe: Recipe, rows: pa.Table) -> Any:
        """Hand a batch out; return a handle for it."""

    def wait_for(self, handles: Collection[Any]) -> None:
        """Wait until these batches have ended."""

    def collect(self, handle: Any) -> ScoredChunk | None:
        """Wait for a batch and return its scores; None if several workers died over it."""

    def drop(self, handles: Collection[Any]) -> None:
        """Forget batches whose scores nobody needs."""


def score_in_order(workers: Workers, recipe: Recipe, chunks: Iterable[pa.Table]) -> Iterator[ScoredChunk]:
    """Yield the rows of chunks with their scores, in order, as smaller chunks.

    Of a file whose texts end workers, one chunk without rows says so. Later rows of it are left out.
    """
    sent, killers = _Sent(), set[str]()
    try:
        for each in _cut(chunks):
            if len(rows := _leave_out(each, killers)):
                sent.append((rows, workers.submit(recipe, rows)))
            while len(sent) >= AHEAD * max(1, workers.count_threads()):
                yield from _end_first(workers, recipe, sent, killers)
        while sent:
            yield from _end_first(workers, recipe, sent, killers)
    finally:
        workers.drop([handle for _, handle in sent])


def _cut(chunks: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows of chunks in batches; one text that is too long is a batch of its own."""
    for chunk in chunks:
        ends = np.cumsum(pc.binary_length(chunk["text"]).to_numpy(), dtype=np.int64)
        start = 0
        while start < len(chunk):
            most = BATCH_BYTES + (ends[start - 1] if start else 0)
            stop = min(start + BATCH_ROWS, max(start + 1, int(np.searchsorted(ends, most, "right"))))
            yield chunk.slice(start, stop - start)
            start = stop


def _leave_out(rows: pa.Table, sources: Collection[str]) -> pa.Table:
    """Return rows without those of some files."""
    return rows if not sources else rows.filter(pc.invert(_is_of(rows, sources)))


def _is_of(rows: pa.Table, sources: Collection[str]) -> pa.ChunkedArray:
    """Return a mask of the rows of some files."""
    return pc.is_in(rows["source_sha256"], value_set=pa.array(sorted(sources), pa.string()))


def _end_first(workers: Workers, recipe: Recipe, sent: _Sent, killers: set[str]) -> Iterator[ScoredChunk]:
    """Yield the batch that was sent first with its scores; add the files to `killers` whose texts end workers."""
    rows, handle = sent[0]
    scored = workers.collect(handle)
    sent.popleft()
    if scored is not None:
        yield replace(scored, rows=rows)
        return
    workers.wait_for([other for _, other in sent])
    for scored in _score_alone(workers, recipe, _leave_out(rows, killers)):
        killers |= scored.killers
        yield scored


def _score_alone(workers: Workers, recipe: Recipe, rows: pa.Table) -> Iterator[ScoredChunk]:
    """Yield rows with the scores that workers give them while they score nothing else; halve what ends them."""
    sources = rows["source_sha256"].unique().to_pylist()
    scored = workers.collect(workers.submit(recipe, rows)) if sources else None
    if scored is not None:
        yield replace(scored, rows=rows)
    elif len(sources) == 1:
        yield ScoredChunk(rows.slice(0, 0), SCORED_SCHEMA.empty_table(), {}, frozenset(sources))
    elif sources:
        first = _is_of(rows, sources[: len(sources) // 2])
        yield from _score_alone(workers, recipe, rows.filter(first))
        yield from _score_alone(workers, recipe, rows.filter(pc.invert(first)))

"""Scoring a large object by all workers: the run reads and checks its rows, and hands these out to be scored.

So any format can be shared, also one that can only be read from its start to its end. The part, its checks and its
commit are those of a run on one machine. Scores stay in the store until the object is committed, so a run that goes on
after a killed one uses them.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from data_contracts.errors import EngineError, EngineLostError, StoreError
from data_contracts.storage.durable import make_folder, remove
from tasks.engine.dispatch import score_again, score_groups
from tasks.engine.worker_group_task import GroupSummary
from tasks.engine.worker_text_task import RowTask, read_scores, read_unscored
from tasks.inbox.source_files import WORKER_GROUP_BYTES, FoundFile
from tasks.scoring.plan import ScoringRequest
from tasks.scoring.rescoring import write_text_file
from tasks.scoring.run_outcome import GroupResult
from tasks.stages.engine.engine_run import EngineRun
from tasks.stages.engine.fetched_parts import fetch_whole, warn_of_dropped
from tasks.stages.store_inbox import score_object_group
from tasks.store.stored_parts import StoredPart, delete_part
from tasks.store.stored_texts import StoredTexts, delete_all_texts, delete_texts, put_texts

if TYPE_CHECKING:
    import pyarrow as pa

    from models.bundle.scorer import Scorer
    from tasks.scoring.chunk_scores import ScoredChunk

PIECES_AHEAD = 4
"""Most pieces for each worker whose rows the run holds in memory, since one before them takes longer."""
_SCORED_COLUMNS = ["source_sha256", "row_number", "text", "source"]


def score_large_object(run: EngineRun, request: ScoringRequest, file: FoundFile) -> GroupResult:
    """Read an object, let workers score its rows, and commit it; return an error as a result.

    It is a `WorkerKilledError` if some of the rows kill workers, an `EngineLostError` if there are none any more.
    """
    used: list[StoredPart] = []

    def score(scorer: "Scorer", run_id: str, chunks: Iterable["pa.Table"]) -> Iterator["ScoredChunk"]:
        return _score_on_workers(run, file, chunks, used)

    try:
        result = score_object_group(replace(run.job, score_chunks=score), request, (file,))
    finally:  # also where Ctrl-C ends it
        remove(file.path.parent)  # nothing else is in the folder of a copy
        with suppress(StoreError):  # they are collected when they are old
            delete_all_texts(run.store, run.recipe.home_id)
    with suppress(StoreError):
        for part in used if result.committed else ():
            delete_part(part)
    return result


def _score_on_workers(
    run: EngineRun, file: FoundFile, chunks: Iterable["pa.Table"], used: list[StoredPart]
) -> Iterator["ScoredChunk"]:
    """Yield chunks of rows with the scores that workers gave them, in order, in pieces that a worker gets at a time.

    The parts in the store that have the scores are added to `used`.
    """
    waiting: deque[pa.Table] = deque()

    def hand_out() -> Iterator[RowTask]:
        for chunk in chunks:
            for piece in _cut(chunk):
                waiting.append(piece)
                yield RowTask(run.recipe, (file,), _store_rows(run, piece))

    try:
        for task, result in _score_while_there_are_workers(run, hand_out()):
            if isinstance(result, Exception):
                raise result
            part = StoredPart(run.store, run.recipe.home_id, str(result.key))
            used.append(part)
            yield _fetch_scores(run, (task, result), part, waiting.popleft())
    finally:
        waiting.clear()  # the error that ends it is kept until the end of the run


def _score_while_there_are_workers(
    run: EngineRun, tasks: Iterator[RowTask]
) -> Iterator[tuple[RowTask, GroupSummary | Exception]]:
    """Yield the results of tasks; raise `EngineLostError`, for which no stage is retried, if the engine raises."""
    try:
        yield from score_groups(run.engine, tasks, PIECES_AHEAD)
    except EngineError as error:
        raise EngineLostError(str(error)) from error


def _cut(chunk: "pa.Table") -> Iterator["pa.Table"]:
    """Yield the rows of a chunk in pieces of at most about as many bytes as a worker gets at a time."""
    pieces = -(-chunk.nbytes // WORKER_GROUP_BYTES)
    step = max(1, -(-len(chunk) // max(1, pieces)))
    for start in range(0, len(chunk), step):
        yield chunk.slice(start, step)


def _store_rows(run: EngineRun, rows: "pa.Table") -> StoredTexts:
    """Write to the store what a worker needs of rows."""
    make_folder(run.home.spool)
    with TemporaryDirectory(dir=run.home.spool) as folder:
        write_text_file(rows.select(_SCORED_COLUMNS), Path(folder) / "texts.parquet")
        return put_texts(run.store, run.recipe.home_id, Path(folder))


def _fetch_scores(
    run: EngineRun, ended: tuple[RowTask, GroupSummary], part: StoredPart, rows: "pa.Table"
) -> "ScoredChunk":
    """Fetch the part with the scores of rows that a worker has left, and delete the texts of these from the store."""
    from tasks.scoring.chunk_scores import ScoredChunk

    task, summary = ended
    if summary.dropped:
        warn_of_dropped(summary.dropped)
    folder = run.home.spool / "scores" / part.key
    fetch_whole(part, folder, summary, partial(score_again, run.engine, task))
    scored = ScoredChunk(rows, read_scores(folder, run.recipe.run_id), read_unscored(folder))
    remove(folder)
    with suppress(StoreError):  # they are collected when they are old
        delete_texts(run.store, [task.texts])
    return scored

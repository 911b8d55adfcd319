"""Scores chunks in background threads, and reports the rows that can't be scored with a rule and detail.

The scorer needs ONNX Runtime.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import numpy as np
import pyarrow as pa

from data_contracts.rules_and_limits import NO_KNOWN_WORD, SCORER_FAILED, SCORING_RULES
from data_contracts.scored_reviews import SCORED_SCHEMA
from models.bundle.scorer import EncodedTexts, Scorer, encode_texts
from tasks.scoring.part_rows import mark_rows_without_known_word, score_row_texts, score_rows
from tasks.support.interruption import stop_if_interrupted

CHUNKS_AHEAD = 2
"""Chunks that are being encoded or scored while the next one is read."""
MOST_FAILED_ROWS = 16
"""Most rows of a chunk on which the scorer may fail; if it fails on more, the rows are not the cause."""


@dataclass(frozen=True)
class ScoredChunk:
    """A chunk of rows that passed their contract, with the scores of those that can be scored."""

    rows: pa.Table
    scored: pa.Table
    """Rows of `SCORED_SCHEMA` in the order of `rows`, without the unscored ones."""
    unscored: dict[int, tuple[str, str]]
    """Position in `rows` -> rule and detail of a row that can't be scored."""
    killers: frozenset[str] = frozenset()
    """The sha256 of files whose texts ended several workers; it has no rows of them."""


class ScoreChunks(Protocol):
    """A function by which a run scores chunks of rows."""

    def __call__(
        self, scorer: Scorer, run_id: str, chunks: Iterable[pa.Table], every_row: bool = False
    ) -> Iterator[ScoredChunk]:
        """Yield the chunks in order with their scores, cut into smaller ones maybe.

        With `every_row`, also a row without a word that the model knows has a score, and none is set aside.
        """


def score_in_background(
    scorer: Scorer, run_id: str, chunks: Iterable[pa.Table], every_row: bool = False
) -> Iterator[ScoredChunk]:
    """Yield the scored chunks in order, as `ScoreChunks` says.

    One thread encodes a chunk while another scores the chunk before it. Meanwhile the caller's thread reads the next
    chunk from `chunks`. Empty chunks are skipped.
    """
    waiting: deque[Future[ScoredChunk]] = deque()
    with ThreadPoolExecutor(1) as encoding, ThreadPoolExecutor(1) as scoring:
        for chunk in chunks:
            if len(waiting) == CHUNKS_AHEAD:
                yield waiting.popleft().result()
            if len(chunk):
                encoded = encoding.submit(encode_texts, scorer, chunk["text"].combine_chunks())
                waiting.append(scoring.submit(_score_chunk, scorer, run_id, chunk, encoded.result, every_row))
        while waiting:
            yield waiting.popleft().result()


def score_chunk(scorer: Scorer, run_id: str, good: pa.Table, every_row: bool = False) -> ScoredChunk:
    """Score a chunk of at least one row in this thread, as `score_in_background` scores its chunks."""
    encode = partial(encode_texts, scorer, good["text"].combine_chunks())
    return _score_chunk(scorer, run_id, good, encode, every_row)


def _score_chunk(
    scorer: Scorer, run_id: str, good: pa.Table, find_encoded: Callable[[], EncodedTexts], every_row: bool
) -> ScoredChunk:
    """Score a chunk; if the scorer fails on it, split it again and again until each failing row is found.

    With `every_row`, no row is set aside. Raises the first error then, or if the rows are not its cause: if more than
    `MOST_FAILED_ROWS` fail, or a plain text too.
    """
    now = datetime.now(UTC)
    try:
        scores = score_rows(scorer, run_id, good, now, find_encoded())
        return ScoredChunk(good, scores, {}) if every_row else _exclude_unknown_rows(good, scores, {})
    except Exception as error:  # whatever the libraries raise, a row may be the cause
        stop_if_interrupted(error)
        if every_row:
            raise
        first = error
    scored: list[pa.Table] = []
    failed: dict[int, tuple[str, str]] = {}
    waiting = [(0, len(good))]
    while waiting:
        start, rows = waiting.pop()
        try:
            scored.append(score_rows(scorer, run_id, good.slice(start, rows), now))
        except Exception as error:
            stop_if_interrupted(error)
            if rows > 1:
                waiting += [(start + rows // 2, rows - rows // 2), (start, rows // 2)]
                continue
            _require_working_scorer(scorer, first)
            failed[start] = (
                SCORER_FAILED,
                f"{type(error).__name__}: {error}. {SCORING_RULES[SCORER_FAILED]}",
            )
            if len(failed) > MOST_FAILED_ROWS:
                raise first from None
    return _exclude_unknown_rows(good, pa.concat_tables([SCORED_SCHEMA.empty_table(), *scored]), failed)


def _exclude_unknown_rows(
    good: pa.Table, scored: pa.Table, failed: dict[int, tuple[str, str]]
) -> ScoredChunk:
    """Return the chunk without scores for rows in which the model knows no word.

    `scored` has the rows of `good` except those in `failed`, positions in `good` with rule and detail.
    """
    unknown = mark_rows_without_known_word(scored)
    if not unknown.any():
        return ScoredChunk(good, scored, failed)
    positions = np.array([position for position in range(len(good)) if position not in failed])
    reason = (NO_KNOWN_WORD, SCORING_RULES[NO_KNOWN_WORD])
    unscored = failed | dict.fromkeys(positions[unknown].tolist(), reason)
    return ScoredChunk(good, scored.filter(pa.array(~unknown)), unscored)


def _require_working_scorer(scorer: Scorer, first: Exception) -> None:
    """Raise `first` if the scorer fails on a plain text too: then the row is not the cause."""
    try:
        score_row_texts(scorer, encode_texts(scorer, ["a good film"]))
    except Exception:
        raise first from None

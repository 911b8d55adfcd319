"""The scores of chunks, in threads of their own; rows that can't be scored are named with the reason.

Needs ONNX Runtime, by the scorer.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from data_contracts.review_files import NO_KNOWN_WORD, SCORER_FAILED, SCORING_RULES
from data_contracts.scored_reviews import SCORED_SCHEMA
from models.bundle.scorer import EncodedTexts, Scorer, encode_texts
from tasks.scoring.rows import knows_no_word, score_finite, score_rows
from tasks.support.interruption import stop_if_interrupted

CHUNKS_AHEAD = 2
"""Chunks whose words are being found or that are being scored, while the next one is read."""
MOST_FAILED_ROWS = 16
"""Rows of a chunk on which the scorer may fail; where it fails on more, the rows are not the cause."""


@dataclass(frozen=True)
class ScoredChunk:
    """Rows that passed their contract, the scores of those that can be scored, and why the others can't."""

    rows: pa.Table
    scored: pa.Table
    unscored: dict[int, tuple[str, str]]
    """By position in `rows`: rule and detail."""


def score_in_background(scorer: Scorer, run_id: str, chunks: Iterable[pa.Table]) -> Iterator[ScoredChunk]:
    """Score chunks in order, in threads of their own: one finds words, while the one before it is scored.

    Meanwhile the caller reads and checks the chunk after those.
    """
    waiting: deque[Future[ScoredChunk]] = deque()
    with ThreadPoolExecutor(1) as finding, ThreadPoolExecutor(1) as scoring:
        for chunk in chunks:
            if len(waiting) == CHUNKS_AHEAD:
                yield waiting.popleft().result()
            if len(chunk):
                found = finding.submit(encode_texts, scorer, chunk["text"].combine_chunks())
                now = datetime.now(UTC)
                waiting.append(scoring.submit(_score_chunk, scorer, run_id, chunk, found, now))
        while waiting:
            yield waiting.popleft().result()


def _score_chunk(
    scorer: Scorer, run_id: str, good: pa.Table, found: "Future[EncodedTexts]", now: datetime
) -> ScoredChunk:
    """Score a chunk; where the scorer fails on it, split it until the rows on which it fails are alone."""
    try:
        return _part_unknown(good, score_rows(scorer, run_id, good, now, found.result()), {})
    except Exception as error:  # whatever the libraries raise, a row may be the cause
        stop_if_interrupted(error)
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
            _require_working(scorer, first)
            failed[start] = (
                SCORER_FAILED,
                f"{type(error).__name__}: {error}. {SCORING_RULES[SCORER_FAILED]}",
            )
            if len(failed) > MOST_FAILED_ROWS:
                raise first from None
    return _part_unknown(good, pa.concat_tables([SCORED_SCHEMA.empty_table(), *scored]), failed)


def _part_unknown(good: pa.Table, scored: pa.Table, failed: dict[int, tuple[str, str]]) -> ScoredChunk:
    """Take out the rows of whose text the model knows no word; `scored` has all of `good` but the failed ones."""
    unknown = knows_no_word(scored)
    if not unknown.any():
        return ScoredChunk(good, scored, failed)
    positions = np.array([position for position in range(len(good)) if position not in failed])
    why = (NO_KNOWN_WORD, SCORING_RULES[NO_KNOWN_WORD])
    unscored = failed | dict.fromkeys(positions[unknown].tolist(), why)
    return ScoredChunk(good, scored.filter(pa.array(~unknown)), unscored)


def _require_working(scorer: Scorer, first: Exception) -> None:
    """Raise `first` where the scorer fails on a plain text too: then the row is not the cause."""
    try:
        score_finite(scorer, encode_texts(scorer, ["a good film"]))
    except Exception:
        raise first from None

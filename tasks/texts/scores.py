"""Scores texts in this process by the same contract of rows and with the same numbers as `reviews score`.

What a run would quarantine gets the rule that it breaks instead of a score. Nothing is written.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.errors import UsageError
from data_contracts.review_files import find_bad_rows, measure_rows
from data_contracts.rules_and_limits import RowLimits
from data_contracts.scored_reviews import SCORED_SCHEMA
from models.evaluation.stars import bound_stars
from models.tokenizer import mark_texts_with_words
from tasks.scoring.chunk_scores import ScoredChunk, score_chunk
from tasks.support.wording import is_unicode
from tasks.texts.loaded_champion import LoadedChampion

ANSWER_SCHEMA = pa.schema(
    [
        ("score", pa.float64()),
        ("sentiment", pa.string()),
        ("predicted_rating", pa.float64()),
        ("rating_low", pa.float64()),
        ("rating_high", pa.float64()),
        ("token_count", pa.int32()),
        ("known_count", pa.int32()),
        ("oov_rate", pa.float32()),
        ("truncated", pa.bool_()),
        ("model_id", pa.string()),
        ("adapted_to", pa.string()),
        ("rule", pa.string()),
        ("detail", pa.string()),
    ]
)
"""What is answered of a text: either a score, in the columns of `scored_reviews`, or the `rule` that it breaks.

`rating_low` to `rating_high` is the interval that `movie_ratings` has for a movie with one review, null for a model
without a known error; `known_count` counts the words of the text that the model knows. `adapted_to` is the source whose
labels change the score, null if none do.
"""
_READ_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("source_sha256", "text", "extra", "source", "rule", "detail")]
)


def score_asked(
    champion: LoadedChampion,
    texts: Iterable[str | None],
    limits: RowLimits,
    sources: Sequence[str | None] | None = None,
) -> pa.Table:
    """Score n texts; return [n] rows of `ANSWER_SCHEMA`, in their order. Raises `UsageError` for what is no text.

    `sources` [n] are those of the texts, whose own labels count; None: of no source.
    """
    listed = list_texts(texts)
    of_row = [champion.scorer.find_adapted(source) for source in sources or [None] * len(listed)]
    rows = _make_rows(listed, of_row)
    bad = find_bad_rows(measure_rows(rows, mark_texts_with_words(rows["text"])), limits)
    positions = np.array([position for position in range(len(rows)) if position not in bad], np.int64)
    good = rows.take(positions)
    none = ScoredChunk(good, SCORED_SCHEMA.empty_table(), {})
    chunk = score_chunk(champion.scorer, "", good) if len(good) else none
    unscored = {int(positions[position]): reason for position, reason in chunk.unscored.items()}
    scored = np.array([position for position in positions.tolist() if position not in unscored], np.int64)
    reasons = [{**bad, **unscored}.get(n) for n in range(len(rows))]
    return _make_answers(champion, chunk.scored, scored, reasons, of_row)


def list_texts(texts: Iterable[str | None]) -> list[str | None]:
    """Return texts as a list; raise `UsageError` for what is one text or a table, or can't be iterated."""
    # Iterated, these give letters, numbers, keys or columns.
    single = isinstance(texts, str | bytes | bytearray | Mapping) or hasattr(texts, "columns")
    if single or not isinstance(texts, Iterable):
        raise UsageError(
            f"The texts must be a list of strings, not {type(texts).__name__}. Next: pass a list, such as "
            '["A wonderful film"], or one column of a table.'
        )
    return list(texts)


def _make_rows(texts: list[str | None], sources: list[str | None]) -> pa.Table:
    """Return texts and their sources as rows that can be measured.

    A text that is not Unicode breaks the rule `text_encoding`.
    """
    rules: list[str | None] = [None] * len(texts)
    try:
        found = _convert(texts)
    except UnicodeEncodeError:
        rules = [
            "text_encoding" if isinstance(text, str) and not is_unicode(text) else None for text in texts
        ]
        found = _convert([text if rule is None else None for text, rule in zip(texts, rules, strict=True)])
    none = pa.nulls(len(texts), pa.string())
    columns = {
        "source_sha256": none,
        "text": found,
        "extra": none,
        "source": sources,
        "rule": rules,
        "detail": none,
    }
    numbers = pa.array(range(1, len(texts) + 1), pa.int64())
    return pa.table(columns, schema=_READ_SCHEMA).append_column("row_number", numbers)


def _convert(texts: list[str | None]) -> pa.Array:
    """Return texts in Arrow, null for None and for pandas's missing values; raise `UsageError` for what is no text."""
    try:
        if any(isinstance(text, bytes | bytearray) for text in texts):
            raise pa.ArrowTypeError("got bytes")
        return pa.array(texts, pa.string(), from_pandas=True)
    except pa.ArrowException as error:
        raise UsageError(
            f"Each text must be a string, or None ({error}). Next: convert the others."
        ) from None


def _make_answers(
    champion: LoadedChampion,
    scored: pa.Table,
    positions: NDArray[np.int64],
    reasons: list[tuple[str, str] | None],
    adapted_to: list[str | None],
) -> pa.Table:
    """Return the answers of n texts: the scores of those at `positions`, and the rules and details of the others."""
    where = np.full(len(reasons), -1)
    where[positions] = np.arange(len(positions))
    counts = scored["token_count"].to_numpy()
    low = high = pa.nulls(len(scored), pa.float64())
    if champion.interval is not None:
        low, high = bound_stars(scored["predicted_rating"].to_numpy(), champion.interval)
    known = counts - np.rint(counts * scored["oov_rate"].to_numpy())
    further = {"rating_low": low, "rating_high": high, "known_count": known}
    scores = pa.table({**{name: scored[name] for name in scored.column_names}, **further}).take(
        pa.array(where, mask=where < 0)
    )
    others = {
        "model_id": [champion.promoted.model_id] * len(reasons),
        "adapted_to": [
            None if reason else source for source, reason in zip(adapted_to, reasons, strict=True)
        ],
        "rule": [reason and reason[0] for reason in reasons],
        "detail": [reason and reason[1] for reason in reasons],
    }
    columns = {
        name: pa.array(others[name], pa.string()) if name in others else scores[name]
        for name in ANSWER_SCHEMA.names
    }
    return pa.table(columns).cast(ANSWER_SCHEMA)

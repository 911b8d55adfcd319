"""Builds the rows of a part: texts, scores and ledger rows, as Arrow tables in their tables' schemas.

The scorer needs ONNX Runtime.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.part_schemas import LEDGER_SCHEMA, SOURCE_SCHEMA
from data_contracts.scored_reviews import SCORED_SCHEMA, name_sentiments
from data_contracts.sources.near_copies import make_near_keys
from models.aspects.finding import find_mentions
from models.aspects.lexicon import load_lexicon
from models.bundle.scorer import EncodedTexts, ScoredTexts, Scorer, encode_texts, score_encoded
from models.evaluation.stars import rate_stars


def make_source_rows(good: pa.Table) -> pa.Table:
    """Return good rows with `in_english` and `counts` as rows of `SOURCE_SCHEMA`, with keys and mentions."""
    hashes = [sha256(text.as_buffer()).hexdigest() for text in good["text"]]
    mentions = find_mentions(load_lexicon(), good["text"].to_pylist())
    keys = {"text_sha256": hashes, "near_key": make_near_keys(good["text"]), "mentions": mentions}
    columns = {name: good[name] for name in SOURCE_SCHEMA.names if name not in keys}
    return pa.table({**columns, **keys}).select(SOURCE_SCHEMA.names).cast(SOURCE_SCHEMA)


def score_rows(
    scorer: Scorer, run_id: str, good: pa.Table, now: datetime, encoded: EncodedTexts | None = None
) -> pa.Table:
    """Score [n] rows with `source_sha256`, `row_number` and `text`; return [n] rows of `SCORED_SCHEMA`.

    With the column `source`, what the labels of a source changed counts for its rows. `encoded` are the encoded texts
    of these rows if the caller has them already.
    """
    sources = good["source"].to_pylist() if scorer.own and "source" in good.column_names else None
    encoded = encoded or encode_texts(scorer, good["text"].combine_chunks())
    scored = score_row_texts(scorer, encoded, sources)
    columns = {
        "source_sha256": good["source_sha256"],
        "row_number": good["row_number"],
        "model_id": [scorer.model_id] * len(good),
        "score": scored.score,
        "sentiment": name_sentiments(scored.score).tolist(),
        "predicted_rating": rate_stars(scored.score, scorer.stars),
        "token_count": scored.token_count,
        "oov_rate": scored.oov_rate,
        "truncated": scored.truncated,
        "run_id": [run_id] * len(good),
        "scored_at": [now] * len(good),
    }
    return pa.table(columns, schema=SCORED_SCHEMA)


def score_row_texts(scorer: Scorer, texts: EncodedTexts, sources: Sequence[str] | None = None) -> ScoredTexts:
    """Score the encoded texts of rows, of these sources; raise `ValueError` if a score is NaN or infinite."""
    scored = score_encoded(scorer, texts, sources)
    if not np.isfinite(scored.score).all():
        raise ValueError("the model gave a score that is not a number")
    return scored


def mark_rows_without_known_word(scored: pa.Table) -> NDArray[np.bool_]:
    """Return a mask [n] of the scored rows in which the model knows no word; all such rows get the same score."""
    unknown: NDArray[np.bool_] = scored["oov_rate"].to_numpy() == 1
    return unknown


def make_ledger_rows(files: Iterable[Mapping[str, Any]], model_id: str, run_id: str) -> pa.Table:
    """Return the values of files, by column of `LEDGER_SCHEMA`, as its rows; missing columns are null."""
    rows = [{**file, "model_id": model_id, "run_id": run_id} for file in files]
    return pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA)

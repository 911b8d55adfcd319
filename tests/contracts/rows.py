"""Builds rows with the schemas of the contracts; they keep every rule unless a test replaces columns."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts.review_files import READ_SCHEMA
from data_contracts.scored_reviews import SCORED_SCHEMA, name_sentiments
from models.evaluation.stars import rate_stars


def make_read_rows(
    texts: Sequence[str | None], sources: Sequence[str] | None = None, **columns: Any
) -> pa.Table:
    """Return rows of `READ_SCHEMA` as a reader yields them, numbered from 1; `columns` replaces whole columns."""
    values = {"row_number": range(1, len(texts) + 1), "text": texts} | columns
    arrays = [
        pa.array(values[field.name], field.type) if field.name in values else pa.nulls(len(texts), field.type)
        for field in READ_SCHEMA
    ]
    table = pa.table(arrays, schema=READ_SCHEMA)
    return table.append_column("source_sha256", pa.array(sources, pa.string())) if sources else table


def make_scored_rows(scores: Sequence[float], source: str = "a" * 64, **columns: Any) -> pa.Table:
    """Return rows of `SCORED_SCHEMA` that keep their contract; `columns` replaces whole columns."""
    rows = len(scores)
    score = np.array(scores, dtype=np.float64)
    values: dict[str, Any] = {
        "source_sha256": [source] * rows,
        "row_number": range(1, rows + 1),
        "model_id": ["lstm-1"] * rows,
        "score": score,
        "sentiment": name_sentiments(score),
        "predicted_rating": rate_stars(score),
        "token_count": [7] * rows,
        "oov_rate": [0.25] * rows,
        "truncated": [False] * rows,
        "run_id": ["run-1"] * rows,
        "scored_at": [datetime(2030, 1, 2, tzinfo=UTC)] * rows,
    }
    return pa.table(
        [pa.array((values | columns)[f.name], f.type) for f in SCORED_SCHEMA], schema=SCORED_SCHEMA
    )

"""The contract of scored rows, and the check of every scored part before it is committed.

Grain: one scored row per accepted source row per model. This is the project's own output: a broken rule is an
error, and nothing of the part is committed. Imports Arrow and numpy; `check_scored_rows` starts Great Expectations.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.errors import ContractError
from data_contracts.expectations import CheckResult, import_expectations, run_checks, split_by_source
from data_contracts.rules_and_limits import HIGHEST_STARS, LOWEST_STARS, POSITIVE_FROM

if TYPE_CHECKING:
    import pandas as pd

BOUNDARY = "scored_reviews"

SCORED_SCHEMA = pa.schema(
    [
        ("source_sha256", pa.string()),
        ("row_number", pa.int64()),
        ("model_id", pa.string()),
        ("score", pa.float64()),
        ("sentiment", pa.string()),
        ("predicted_rating", pa.float64()),
        ("token_count", pa.int32()),
        ("oov_rate", pa.float32()),
        ("truncated", pa.bool_()),
        ("run_id", pa.string()),
        ("scored_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""A scored row; its key is source_sha256, row_number, model_id.

`score` is P(positive), 0 to 1; `predicted_rating` is in stars, 1 to 10; `token_count` counts the words of the
whole text, `oov_rate` is the share of them outside the vocabulary, 0 to 1; `truncated` is true if there are
more words than the model reads.
"""


def name_sentiments(score: NDArray[np.float64]) -> NDArray[np.str_]:
    """Return the sentiment, 'positive' or 'negative', of each score, [n], 0 to 1."""
    return np.where(score >= POSITIVE_FROM, "positive", "negative")


def check_scored_rows(
    scored: pa.Table, rows_read: Mapping[str, int], rows_left_out: Mapping[str, int]
) -> list[CheckResult]:
    """Check one model's scored rows, and that they account for all rows of their sources.

    `rows_read` and `rows_left_out` (quarantined, or forgotten since) are counts by source_sha256. Returns one result
    per source and expectation, failed rows by row number. Raises `ContractError` if a column is missing or of another
    type.
    """
    _require_scored_schema(scored)
    results = run_checks(BOUNDARY, _measure_scored_rows(scored), _expect_scored_rows())
    sources = _list_names(scored["source_sha256"])
    by_row = split_by_source(results, sources, scored["row_number"].to_pylist())
    return by_row + _check_scored_counts(sources, rows_read, rows_left_out)


def _require_scored_schema(scored: pa.Table) -> None:
    """Raise `ContractError` unless scored rows have the columns of `SCORED_SCHEMA`."""
    found = dict(zip(scored.schema.names, scored.schema.types, strict=True))
    wrong = [
        f"{field.name} is {found.get(field.name, 'missing')}, expected {field.type}"
        for field in SCORED_SCHEMA
        if found.get(field.name) != field.type
    ]
    if wrong:
        raise ContractError(f"Scored rows do not have the columns of SCORED_SCHEMA: {'; '.join(wrong)}.")


def _list_names(names: pa.ChunkedArray) -> list[str]:
    """Return a column with few distinct strings as a list that keeps each string once in memory."""
    distinct = pc.unique(names)
    listed = distinct.to_pylist()
    return [listed[code] for code in pc.index_in(names, distinct).to_pylist()]


def _measure_scored_rows(scored: pa.Table) -> "pd.DataFrame":
    """Return n rows of numbers and booleans for n scored rows: strings become codes, nulls are counted."""
    score = scored["score"].to_numpy().astype(np.float64)
    named = pc.equal(scored["sentiment"], pa.array(name_sentiments(score)))
    missing = sum(
        pc.is_null(scored[name], nan_is_null=True).to_numpy().astype(np.int8) for name in SCORED_SCHEMA.names
    )
    measures = {
        "source": pc.index_in(scored["source_sha256"], pc.unique(scored["source_sha256"])),
        "row_number": scored["row_number"],
        "model": pc.index_in(scored["model_id"], pc.unique(scored["model_id"])),
        "missing_values": pa.array(missing),
        "score": scored["score"],
        "score_is_finite": pa.array(np.isfinite(score)),
        "sentiment_fits": pc.fill_null(named, False),
        "predicted_rating": scored["predicted_rating"],
        "token_count": scored["token_count"],
        "oov_rate": scored["oov_rate"],
    }
    frame: pd.DataFrame = pa.table(measures).to_pandas()
    return frame


def _expect_scored_rows() -> list[Any]:
    """Return the expectations of scored rows."""
    expect = import_expectations()
    between, among = expect.ExpectColumnValuesToBeBetween, expect.ExpectColumnValuesToBeInSet
    stars = {"min_value": LOWEST_STARS, "max_value": HIGHEST_STARS}
    fits = f"positive from {POSITIVE_FROM} up, else negative"
    return [
        expect.ExpectCompoundColumnsToBeUnique(
            column_list=["source", "row_number", "model"],
            meta={"rule": "key_unique", "expected": "no two rows of one source row and model"},
        ),
        among(column="missing_values", value_set=[0], meta={"rule": "values_present"}),
        among(column="score_is_finite", value_set=[True], meta={"rule": "score_row_texts"}),
        between(column="score", min_value=0, max_value=1, meta={"rule": "score_in_range"}),
        among(
            column="sentiment_fits", value_set=[True], meta={"rule": "sentiment_fits_score", "expected": fits}
        ),
        between(column="predicted_rating", **stars, meta={"rule": "predicted_rating_in_range"}),
        between(column="token_count", min_value=1, meta={"rule": "token_count_in_range"}),
        between(column="oov_rate", min_value=0, max_value=1, meta={"rule": "oov_rate_in_range"}),
    ]


def _check_scored_counts(
    sources: Sequence[str], rows_read: Mapping[str, int], rows_left_out: Mapping[str, int]
) -> list[CheckResult]:
    """Check for each source that every row read was scored, quarantined, or forgotten since."""
    import pandas as pd

    scored = Counter(sources)
    named = list(dict.fromkeys([*rows_read, *rows_left_out, *scored]))
    counts = pd.DataFrame(
        {
            "rows_read": [rows_read.get(source, 0) for source in named],
            "rows_accounted": [scored[source] + rows_left_out.get(source, 0) for source in named],
        }
    )
    expectation = import_expectations().ExpectColumnPairValuesToBeEqual(
        column_A="rows_read", column_B="rows_accounted", meta={"rule": "rows_accounted_for"}
    )
    results = split_by_source(run_checks(BOUNDARY, counts, [expectation]), named, named)
    return [
        replace(
            result,
            observed=f"{scored[source]} scored + {rows_left_out.get(source, 0)} quarantined or forgotten",
            expected=f"{rows_read.get(source, 0)} rows read",
            unexpected_rows=(),
        )
        for source, result in zip(named, results, strict=True)
    ]

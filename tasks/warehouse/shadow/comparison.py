"""Reads how the shadow does beside the champion on the reviews that both scored, and judges it by the gate's rule."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb

from data_contracts.warehouse import read_shadow_comparison
from models.evaluation.gate import GateCheck, OwnTraffic, judge_own_traffic
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.row_names import CONTENT
from tasks.warehouse.shadow.sums import define_shadow_sums

Row = dict[str, Any]
"""A row of the view `shadow_comparison`, by column."""

READ_COMPARISONS = "SELECT * FROM shadow_comparison WHERE model_id = $model_id ORDER BY source NULLS FIRST"
"""SQL: a model beside each other that scored its reviews: the rows over all sources, then those of each source."""
READ_COMPARISON = """
SELECT * FROM shadow_comparison WHERE model_id = $model_id AND compared_with = $compared_with
ORDER BY source NULLS FIRST
"""
"""SQL: of two models the row over all sources, then the rows of each source; none if they have no review in common."""

RECENT_ROWS = 20_000
"""Of so many of its scores at most, the newest, `compare_recent` says how the shadow does, however many there are."""
_FIND_RECENT = """
CREATE OR REPLACE TEMP TABLE recent_shadow_scores AS
SELECT * FROM shadow_scores WHERE rowid IN (
    SELECT rowid FROM shadow_scores SEMI JOIN (
        SELECT source_sha256 FROM shadow_files WHERE model_id = $model_id
        QUALIFY sum(rows) OVER (ORDER BY committed_at DESC, source_sha256) - rows < $rows
    ) AS files USING (source_sha256)
    WHERE model_id = $model_id ORDER BY rowid DESC LIMIT $rows
)
"""
# The rows of the history before their first commit are not read, and texts of none.
_FIND_FIRST_COMMIT = f"""
SELECT coalesce(min(committed_at), 'infinity') AS first FROM scored_files
WHERE status = 'scored' AND {CONTENT} IN (SELECT {CONTENT} FROM recent_shadow_scores)
"""  # noqa: S608 (our own names)
_FIND_REVIEWS = """
CREATE OR REPLACE TEMP TABLE recent_source_reviews AS
SELECT
    source_sha256, row_number, movie_id, given_label, given_rating, file_seen_at, file_source, is_latest, counts,
    best_model_id, best_score, best_sentiment, best_predicted_rating
FROM source_reviews WHERE rowid IN (
    SELECT rowid FROM source_reviews SEMI JOIN recent_shadow_scores USING (source_sha256, row_number)
    WHERE file_seen_at >= $first
)
"""
# To the query of the view these names are the rows above, not tables; the scores that count are kept beside the rows.
_COMPARE_RECENT = """
WITH shadow_scores AS (FROM recent_shadow_scores),
source_reviews AS (FROM recent_source_reviews),
scored_reviews AS (
    SELECT
        rowid, source_sha256, row_number, best_model_id AS model_id, best_score AS score, best_sentiment AS sentiment,
        best_predicted_rating AS predicted_rating
    FROM recent_source_reviews
),
shadow_sums AS MATERIALIZED ({sums})
SELECT * FROM (
{comparison}
) WHERE compared_with IN (SELECT unnest($compared_with::VARCHAR[]))
ORDER BY compared_with, source NULLS FIRST
"""


def judge_shadow(warehouse: Path, model_id: str, compared_with: str) -> tuple[GateCheck, ...]:
    """Return the gate's check of a model on own traffic against another; none where it was no shadow beside it."""
    with open_warehouse(warehouse, write=False) as connection:
        rows = _read_comparison(connection, model_id, compared_with)
    return tuple(map(judge_row, rows[:1]))


def choose_rows(rows: Sequence[Row], champion: str | None) -> list[Row]:
    """Return the rows of one comparison of a shadow: with the champion or, if there is none, that with most reviews."""
    overall = [row for row in rows if row["source"] is None]
    best = max(overall, key=lambda row: (row["compared_with"] == champion, row["reviews"]), default=None)
    return [row for row in rows if best is not None and row["compared_with"] == best["compared_with"]]


def judge_row(overall: Row) -> GateCheck:
    """Return the gate's check for the row over all sources."""
    return judge_own_traffic(OwnTraffic(**{each.name: overall[each.name] for each in fields(OwnTraffic)}))


def compare_recent(
    ask: Callable[..., list[Row]], model_id: str, compared_with: Sequence[str]
) -> Sequence[Row]:
    """Return the rows of `shadow_comparison` for the newest scores of a shadow, beside models whose scores count."""
    ask(_FIND_RECENT, {"model_id": model_id, "rows": RECENT_ROWS})
    [first] = ask(_FIND_FIRST_COMMIT)
    ask(_FIND_REVIEWS, first)
    sums = define_shadow_sums("shadow_scores", "scored_reviews", "source_reviews")
    query = _COMPARE_RECENT.format(sums=sums, comparison=read_shadow_comparison())
    return ask(query, {"compared_with": list(compared_with)})


def _read_comparison(connection: duckdb.DuckDBPyConnection, model_id: str, compared_with: str) -> list[Row]:
    """Return the rows of `READ_COMPARISON`."""
    # Most models were no shadow: then nothing is read of the scores.
    if not connection.execute("FROM shadow_files WHERE model_id = ? LIMIT 1", [model_id]).fetchall():
        return []
    found = connection.execute(READ_COMPARISON, {"model_id": model_id, "compared_with": compared_with})
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

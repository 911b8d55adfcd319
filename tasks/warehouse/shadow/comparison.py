"""Reads how the shadow does beside the champion on the reviews that both scored, and judges it by the gate's rule."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb

from models.evaluation.gate import GateCheck, OwnTraffic, judge_own_traffic
from tasks.warehouse.database.warehouse_connection import open_warehouse

Row = dict[str, Any]
"""A row of the view `shadow_comparison`, by column."""

READ_COMPARISONS = "SELECT * FROM shadow_comparison WHERE model_id = $model_id ORDER BY source NULLS FIRST"
"""SQL: a model beside each other that scored its reviews: the rows over all sources, then those of each source."""
READ_COMPARISON = """
SELECT * FROM shadow_comparison WHERE model_id = $model_id AND compared_with = $compared_with
ORDER BY source NULLS FIRST
"""
"""SQL: of two models the row over all sources, then the rows of each source; none if they have no review in common."""


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


def _read_comparison(connection: duckdb.DuckDBPyConnection, model_id: str, compared_with: str) -> list[Row]:
    """Return the rows of `READ_COMPARISON`."""
    # Most models were no shadow: then nothing is read of the scores.
    if not connection.execute("FROM shadow_files WHERE model_id = ? LIMIT 1", [model_id]).fetchall():
        return []
    found = connection.execute(READ_COMPARISON, {"model_id": model_id, "compared_with": compared_with})
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

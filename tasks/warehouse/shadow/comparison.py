"""Reads how the shadow does beside the champion on the reviews that both scored, and judges it by the gate's rule."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from models.evaluation.gate import GateCheck, OwnTraffic, judge_own_traffic
from tasks.warehouse.database.warehouse_connection import open_warehouse

Row = dict[str, Any]
"""A row of the view `shadow_comparison`, by column."""

READ_COMPARISONS = "SELECT * FROM shadow_comparison WHERE model_id = $model_id ORDER BY source NULLS FIRST"
"""SQL: a model beside each other that scored its reviews: the rows over all sources, then those of each source."""
_READ_OVERALL = """
SELECT * FROM shadow_comparison WHERE model_id = $model_id AND compared_with = $compared_with AND source IS NULL
"""
"""SQL: of two models the row over all sources; none if they have no review in common."""


def judge_shadow(warehouse: Path, model_id: str, compared_with: str) -> tuple[GateCheck, ...]:
    """Return the gate's check of a model on own traffic against another; none where it was no shadow beside it."""
    with open_warehouse(warehouse, write=False) as connection:
        # Most models were no shadow: then nothing is read of the scores.
        if not connection.execute("FROM shadow_files WHERE model_id = ? LIMIT 1", [model_id]).fetchall():
            return ()
        found = connection.execute(_READ_OVERALL, {"model_id": model_id, "compared_with": compared_with})
        names = [column[0] for column in found.description or []]
        return tuple(judge_row(dict(zip(names, row, strict=True))) for row in found.fetchall())


def choose_rows(rows: Sequence[Row], champion: str | None) -> list[Row]:
    """Return the rows of one comparison of a shadow: with the champion or, if there is none, that with most reviews."""
    overall = [row for row in rows if row["source"] is None]
    best = max(overall, key=lambda row: (row["compared_with"] == champion, row["reviews"]), default=None)
    return [row for row in rows if best is not None and row["compared_with"] == best["compared_with"]]


def judge_row(overall: Row) -> GateCheck:
    """Return the gate's check for the row over all sources."""
    return judge_own_traffic(OwnTraffic(**{each.name: overall[each.name] for each in fields(OwnTraffic)}))

"""Commits the scores of the shadow to tables of their own.

The ledger `shadow_files` has one row per file and shadow, committed with the scores. So nothing is scored twice, and a
killed run leaves a file either scored or to be scored.
"""

import glob
from dataclasses import dataclass
from pathlib import Path

from data_contracts.scored_reviews import SCORED_SCHEMA
from data_contracts.storage.faults import pass_fault_point
from tasks.warehouse.database.duckdb_engine import begin_transaction, quote_sql
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.shadow.sums import renew_shadow_sums

_FIND_ACCEPTED = """
CREATE TEMP TABLE accepted AS
SELECT source_sha256 FROM read_parquet({files})
SEMI JOIN (FROM scored_files WHERE status = 'scored' AND superseded_at IS NULL) AS counting USING (source_sha256)
ANTI JOIN (FROM shadow_files WHERE model_id = $model_id) AS done USING (source_sha256)
"""
# Rows that were forgotten while the shadow scored have no text any more.
_ADD_SCORES = f"""
INSERT INTO shadow_scores
SELECT {", ".join(SCORED_SCHEMA.names)} FROM read_parquet({{scores}})
SEMI JOIN accepted USING (source_sha256) SEMI JOIN source_reviews USING (source_sha256, row_number)
"""  # noqa: S608 (our own names)
_ENTER_IN_LEDGER = """
INSERT INTO shadow_files
SELECT source_sha256, $model_id, count(score), $run_id, now()
FROM accepted LEFT JOIN (FROM shadow_scores WHERE model_id = $model_id) AS scores USING (source_sha256)
GROUP BY source_sha256
"""
_COUNT = """
SELECT count(*), coalesce(sum(rows), 0)::BIGINT FROM shadow_files {among} WHERE model_id = $model_id
"""


@dataclass(frozen=True)
class ShadowCount:
    """How much a shadow has scored."""

    files: int = 0
    rows: int = 0


def commit_shadow_scores(warehouse: Path, part_dir: Path, model_id: str, run_id: str) -> ShadowCount:
    """Commit the scores of a group that the shadow scored, in one transaction, and return how many there are.

    `part_dir` has the files of a part. Leaves out files that the shadow has scored meanwhile or that count no more.
    """
    files, scores = (
        quote_sql(glob.escape(str((part_dir / f"{name}.parquet").absolute())))
        for name in ("scored_files", "scored_reviews")
    )
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        connection.execute(_FIND_ACCEPTED.format(files=files), {"model_id": model_id})
        connection.execute(_ADD_SCORES.format(scores=scores))
        connection.execute(_ENTER_IN_LEDGER, {"model_id": model_id, "run_id": run_id})
        renew_shadow_sums(connection, "accepted")
        pass_fault_point("shadow: inside commit")
        query = _COUNT.format(among="SEMI JOIN accepted USING (source_sha256)")
        return ShadowCount(*connection.execute(query, {"model_id": model_id}).fetchall()[0])


def count_shadow_scores(warehouse: Path, model_id: str) -> ShadowCount:
    """Return how many files and rows a model has scored as the shadow."""
    with open_warehouse(warehouse, write=False) as connection:
        return ShadowCount(*connection.execute(_COUNT.format(among=""), {"model_id": model_id}).fetchall()[0])

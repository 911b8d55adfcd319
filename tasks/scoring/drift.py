"""Reads how far the reviews of a run are from earlier ones of their sources, and checks this against a contract."""

from collections.abc import Collection

import duckdb

from data_contracts.drift import MeasuredDrift, check_drift
from data_contracts.expectations import CheckResult
from data_contracts.storage.home import Home
from tasks.sources.catalogue import accept_findings

_FIND_DRIFT = """
SELECT model_id, source, measure, reviews, mean, reference_mean, psi, threshold FROM drift
WHERE run_id = ? ORDER BY model_id, source NULLS FIRST, measure
"""
# DuckDB needs ten times as long to plan the view, even if there is nothing to compare with.
_MAY_COMPARE = """
SELECT count(*) FROM run_measures
WHERE run_id = ? AND (past_bins IS NOT NULL OR model_id IN (SELECT model_id FROM reference_measures))
"""
_LIST_SOURCES = """
SELECT DISTINCT source FROM scored_files WHERE run_id = ANY($runs::VARCHAR[]) AND status = 'scored'
"""


def judge_drift(
    connection: duckdb.DuckDBPyConnection, home: Home, run_ids: Collection[str]
) -> list[CheckResult]:
    """Check the drift of these runs against the contract.

    That of a source is accepted where its profile wants it, and that of the runs if all their sources accept theirs.
    Of a measure in which several runs have drifted, the first of them is judged: a run that commits parts of an earlier
    one says it once.
    """
    # One run at a time: with a constant run id DuckDB does not compute the view for every other run.
    found = [
        MeasuredDrift(*row)
        for run_id in run_ids
        if connection.execute(_MAY_COMPARE, [run_id]).fetchall() != [(0,)]
        for row in connection.execute(_FIND_DRIFT, [run_id]).fetchall()
    ]
    if not found:
        return []
    results = accept_findings(home, check_drift(found), list_sources(connection, run_ids))
    picked: dict[tuple[str | None, str], CheckResult] = {}
    for result in sorted(results, key=lambda each: each.success):
        picked.setdefault((result.source, result.columns), result)
    return list(picked.values())


def list_sources(connection: duckdb.DuckDBPyConnection, run_ids: Collection[str]) -> list[str]:
    """Return the sources of which these runs scored files."""
    return [name for (name,) in connection.execute(_LIST_SOURCES, {"runs": list(run_ids)}).fetchall()]

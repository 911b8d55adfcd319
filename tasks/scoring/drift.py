"""How far what a run scored is from the model's held-out reviews: read from the view `drift`, judged as a contract."""

from collections.abc import Collection, Sequence
from pathlib import Path

from data_contracts.drift import MeasuredDrift, check_drift
from data_contracts.expectations import CheckResult
from tasks.warehouse.connection import open_warehouse

_FIND_DRIFT = """
SELECT model_id, measure, reviews, mean, reference_mean, psi, threshold FROM drift
WHERE run_id = ? ORDER BY model_id, measure
"""


def find_drift(warehouse: Path, run_ids: Collection[str]) -> list[MeasuredDrift]:
    """Measure what these runs scored; empty where their models have no reference."""
    with open_warehouse(warehouse, write=False) as connection:
        # One run at a time: a value that is known beforehand keeps the view from measuring every run there ever was.
        found = [connection.execute(_FIND_DRIFT, [run_id]).fetchall() for run_id in run_ids]
    return [MeasuredDrift(*row) for rows in found for row in rows]


def judge_drift(warehouse: Path, run_ids: Collection[str], severity: str) -> list[CheckResult]:
    """Check what these runs scored against the contract; `severity` as REVIEWS_DRIFT says."""
    found = find_drift(warehouse, run_ids)
    return check_drift(found, severity) if found else []


def name_drifted(results: Sequence[CheckResult]) -> list[str]:
    """Say in one line each which measures have drifted."""
    return [
        f"{result.columns}: {result.observed}; {result.expected}" for result in results if not result.success
    ]

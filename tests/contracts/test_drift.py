"""Tests of the drift contract and its view: random reviews pass, reviews of another kind fail."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from duckdb import DuckDBPyConnection as Connection

from data_contracts.drift import MEASURES, ReferenceMeasure, describe_reference
from tasks.warehouse.model_registry import record_reference
from tasks.warehouse.tallies.score_sums import add_sums
from tests.support.drawn_measures import Measures, Reviews
from tests.unit.view_tables import add_file

SAMPLES = 200


draw_reviews = Reviews(score=(0.35, 0.35), words=(5.1, 0.65), fewest_words=10, unknown=(6, 50)).draw
"""Draws realistic reviews: scores near 0 and 1, lengths with a long tail, few cut texts."""


def keep_reference(database: Connection, measures: Measures) -> dict[str, ReferenceMeasure]:
    reference = describe_reference(measures)
    record_reference(database, "model-a", {name: vars(each) for name, each in reference.items()})
    return reference


def add_runs(database: Connection, runs: Mapping[str, Measures]) -> None:
    """Add the scores of these runs by one model, as commits do."""
    parts = [
        pa.table(
            {"run_id": [run_id] * len(found["score"]), **{name: np.asarray(found[name]) for name in MEASURES}}
        )
        for run_id, found in runs.items()
    ]
    database.register("measured", pa.concat_tables(parts))
    scores = (
        "(SELECT 's' AS source_sha256, 1 AS row_number, 'model-a' AS model_id, 'default' AS source, "
        "now() AS scored_at, 'positive' AS sentiment, 5 AS predicted_rating, * FROM measured)"
    )
    add_sums(database, scores, "source_reviews")


def find_drifted(database: Connection, run_id: str) -> set[str]:
    query = "SELECT measure FROM drift WHERE run_id = ? AND drifted"
    return {measure for (measure,) in database.execute(query, [run_id]).fetchall()}


def test_the_index_is_the_sum_over_bins_of_the_gap_times_the_log_ratio(database: Connection) -> None:
    generator = np.random.default_rng(0)
    keep_reference(database, {**draw_reviews(generator, 100), "truncated": np.arange(100) < 20})
    add_runs(database, {"run": {**draw_reviews(generator, 50), "truncated": np.arange(50) < 40}})
    p, q = np.array([10.5, 40.5]) / 51, np.array([80.5, 20.5]) / 101
    expected = float(((p - q) * np.log(p / q)).sum())
    row = database.execute("SELECT psi, shares, mean, reference_mean FROM drift WHERE measure = 'truncated'")
    assert row.fetchall() == [(pytest.approx(expected), [0.2, 0.8], 0.8, 0.2)]


@pytest.mark.slow
@pytest.mark.parametrize("number", [50, 2000])
def test_random_reviews_raise_hardly_a_false_alarm(database: Connection, number: int) -> None:
    generator = np.random.default_rng(number)
    keep_reference(database, draw_reviews(generator, 2500))
    add_runs(database, {f"run {sample}": draw_reviews(generator, number) for sample in range(SAMPLES)})
    ((alarms,),) = database.execute("SELECT count(DISTINCT run_id) FROM drift WHERE drifted").fetchall()
    assert alarms < SAMPLES / 100


SHIFTS: dict[str, tuple[str, Any]] = {
    "all positive": ("score", lambda found: np.maximum(found, 1 - found)),
    "cut short": ("token_count", lambda found: np.minimum(found, 40)),
    "another language": ("oov_rate", lambda found: np.full(len(found), 0.7, dtype=np.float32)),
    "far too long": ("truncated", lambda found: np.ones(len(found), dtype=bool)),
}


@pytest.mark.slow
@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("number", [50, 2000])
def test_a_shifted_run_is_flagged_in_the_measure_that_shifted(
    database: Connection, shift: str, number: int
) -> None:
    generator = np.random.default_rng(2)
    keep_reference(database, draw_reviews(generator, 2500))
    measure, move = SHIFTS[shift]
    usual = draw_reviews(generator, number)
    add_runs(database, {"run": {**usual, measure: move(usual[measure])}})
    assert find_drifted(database, "run") == {measure}


def test_a_model_without_a_reference_has_no_drift(database: Connection) -> None:
    add_runs(database, {"run": draw_reviews(np.random.default_rng(3), 50)})
    assert database.execute("SELECT count(*) FROM drift").fetchall() == [(0,)]


def test_from_its_second_delivery_on_a_source_is_not_compared_with_the_held_out_reviews(
    database: Connection,
) -> None:
    generator = np.random.default_rng(5)
    keep_reference(database, draw_reviews(generator, 1000))
    add_runs(database, {run: draw_reviews(generator, 200) for run in ("first", "second")})
    for day, run_id in enumerate(("first", "second")):
        add_file(database, f"{run_id}.csv", [], day=day, run_id=run_id)
    assert database.execute("SELECT DISTINCT run_id FROM drift").fetchall() == [("first",)]

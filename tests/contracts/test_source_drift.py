"""Tests that the rows of a source are compared with its own past, at a cost that does not follow the history."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from duckdb import DuckDBPyConnection as Connection

from data_contracts.drift import MEASURES
from tasks.warehouse.tallies.measures import add_measures
from tests.support.drawn_measures import Measures, Reviews

draw_reviews = Reviews(score=(0.9, 0.25), words=(3.4, 0.8), fewest_words=1, unknown=(4, 30)).draw
"""Draws short reviews of a shop, most of them positive."""


def commit(database: Connection, run_id: str, measures: Measures, source: str = "shop-a") -> None:
    """Add the scores of a part, as its commit does."""
    table = pa.table({name: np.asarray(measures[name]) for name in MEASURES})
    for name, value in {"run_id": run_id, "model_id": "m", "source": source}.items():
        table = table.append_column(name, pa.array([value] * len(table)))
    database.register("scores", table)
    add_measures(database, "scores")


def find_drifted(database: Connection, run_id: str) -> set[tuple[str, str]]:
    query = "SELECT source, measure FROM drift WHERE run_id = ? AND drifted"
    return set(database.execute(query, [run_id]).fetchall())


SHIFTS: dict[str, tuple[str, Any]] = {
    "all negative": ("score", lambda found: np.minimum(found, 1 - found)),
    "cut short": ("token_count", lambda found: np.minimum(found, 8)),
    "another language": ("oov_rate", lambda found: np.full(len(found), 0.7, dtype=np.float32)),
    "far too long": ("truncated", lambda found: np.ones(len(found), dtype=bool)),
}


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_source_that_sends_other_reviews_than_before_is_flagged_in_that_measure(
    database: Connection, shift: str
) -> None:
    generator = np.random.default_rng(2)
    commit(database, "past", draw_reviews(generator, 2000))
    measure, move = SHIFTS[shift]
    usual = draw_reviews(generator, 200)
    commit(database, "run", {**usual, measure: move(usual[measure])})
    commit(database, "run", draw_reviews(generator, 200), source="shop-b")
    assert find_drifted(database, "run") == {("shop-a", measure)}


@pytest.mark.slow
@pytest.mark.parametrize("number", [50, 500])
def test_random_reviews_of_a_source_raise_hardly_a_false_alarm(database: Connection, number: int) -> None:
    generator = np.random.default_rng(number)
    for run in range(100):
        commit(database, f"run {run}", draw_reviews(generator, number))
    ((alarms,),) = database.execute("SELECT count(DISTINCT run_id) FROM drift WHERE drifted").fetchall()
    assert alarms <= 1


def test_the_commits_of_a_run_are_one_comparison_with_what_was_scored_before_the_run(
    database: Connection,
) -> None:
    generator = np.random.default_rng(3)
    for run_id, rows in (("first", 150), ("second", 100), ("third", 30), ("third", 40)):
        commit(database, run_id, draw_reviews(generator, rows))
    query = "SELECT run_id, reviews, reference_reviews FROM drift WHERE measure = 'score'"
    assert database.execute(query).fetchall() == [("third", 70, 250)]


def test_means_and_shares_are_those_of_the_rows(database: Connection) -> None:
    generator = np.random.default_rng(4)
    past, present = draw_reviews(generator, 400), draw_reviews(generator, 90)
    commit(database, "past", past)
    commit(database, "run", present)
    query = "SELECT mean, reference_mean, bins_from, shares, reference_shares FROM drift WHERE measure = ?"
    for measure in MEASURES:
        ((mean, before, lower, shares, shares_before),) = database.execute(query, [measure]).fetchall()
        assert (mean, before) == pytest.approx((present[measure].mean(), past[measure].mean()))
        for found, values in ((shares, present[measure]), (shares_before, past[measure])):
            edges = np.array([*lower[1:]]) - 1e-9
            counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(lower))
            assert found == pytest.approx(counts / len(values))


@pytest.mark.parametrize(("past", "present", "rows"), [(199, 50, 0), (200, 49, 0), (200, 50, 4)])
def test_a_source_with_few_rows_is_not_compared(
    database: Connection, past: int, present: int, rows: int
) -> None:
    generator = np.random.default_rng(5)
    commit(database, "past", draw_reviews(generator, past))
    commit(database, "run", draw_reviews(generator, present))
    assert database.execute("SELECT count(*) FROM drift").fetchall() == [(rows,)]

"""Tests of the verdict on a run: its sentence, its weight, and each reason."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tasks.pages.sections import Rows
from tasks.report.verdict import judge_scores, judge_training
from tests.support.databases import make_tables
from tests.support.failures import make_failure
from tests.support.filled_tables import FilledTables
from tests.support.report_homes import RUN
from tests.support.trainings import TRAINED, train
from tests.support.warehouse_parts import PartFile

ROWS: list[dict[str, Any]] = [
    {"text": f"text {number}", "score": 0.9 if number % 5 else 0.1, "given_label": "positive"}
    for number in range(200)
]
"""Of which 80 % are called right, as in the test of the model."""
OWN_DRIFT = """
CREATE OR REPLACE TEMP VIEW drift AS SELECT
    '{run}' AS run_id, 'model-a' AS model_id, {source}::VARCHAR AS source, 'score' AS measure,
    200::BIGINT AS reviews, 0.5 AS mean, 100::BIGINT AS reference_reviews, 0.4 AS reference_mean, {psi} AS psi,
    0.1 AS threshold, psi > threshold AS drifted
"""


def drift(psi: float, source: str | None = None) -> str:
    return OWN_DRIFT.format(run=RUN, psi=psi, source=f"'{source}'" if source else "NULL")


@pytest.fixture(scope="module")
def filled_once() -> Iterator[duckdb.DuckDBPyConnection]:
    with make_tables() as connection:
        tables = FilledTables(connection)
        tables.promote()
        tables.run([PartFile("f.csv", ROWS, bad_rows=[201])])
        tables.settle()
        tables.change("UPDATE scored_files SET rows_read = 201")
        yield connection


@pytest.fixture
def tables(filled_once: duckdb.DuckDBPyConnection) -> Iterator[FilledTables]:
    """A run against which nothing speaks, which a test may change."""
    filled_once.begin()
    filled = FilledTables(filled_once)
    filled.record([make_failure(success=True)])
    filled.change(drift(0.01))
    yield filled
    filled_once.rollback()


def judge(tables: FilledTables) -> tuple[str, Rows]:
    """Return the sentence of the verdict, and its reasons."""
    rows = tables.read_report()["run-verdict"]
    return judge_scores(rows), rows


def test_a_run_against_which_nothing_speaks_can_be_trusted(tables: FilledTables) -> None:
    sentence, rows = judge(tables)
    assert sentence == (
        "These scores can be trusted: no contract is broken, no file was refused, hardly a row was quarantined, "
        "nothing drifted and the writers agree as in the test."
    )
    assert {row["weight"] for row in rows} == {"good"}


REFUSE = (
    "INSERT INTO scored_files BY NAME SELECT 'x' AS source_sha256, 'none' AS model_id, 'refused' AS status, "
)
DUE = (
    "INSERT INTO findings BY NAME SELECT 1 AS number, 'training_due' AS kind, 'model-a (accuracy)' AS subject, "
    "'warning' AS level, '80 % right' AS what, '' AS next, 'open' AS state, started_at AS first_seen, "
    "started_at AS last_seen FROM runs"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "weight", "brief"),
    [
        ("UPDATE runs SET status = 'failed'", "bad", "the run failed"),
        (
            "UPDATE contract_results SET success = false, boundary = 'scored_reviews'",
            "bad",
            "a contract is broken",
        ),
        (
            "UPDATE contract_results SET success = false, boundary = 'scored_reviews', severity = 'warning'",
            "care",
            "a contract warned",
        ),
        (
            f"{REFUSE} 'b.csv' AS uri, run_id, committed_at, 9 AS commit_number FROM scored_files",
            "care",
            "1 file refused",
        ),
        ("UPDATE scored_files SET rows_read = 50", "care", "2.0 % of the rows were quarantined"),
        (DUE, "care", "a training is due"),
        (drift(0.2, source="shop-a"), "care", "the score of shop-a drifted"),
        ("UPDATE models SET test_accuracy = 0.9", "care", "fewer writers agree than in the test"),
        ("UPDATE models SET dataset = 'sample'", "care", "the model learnt from generated reviews"),
    ],
)
def test_what_speaks_against_a_run_is_the_verdict(
    tables: FilledTables, change: str, weight: str, brief: str
) -> None:
    tables.change(change)
    sentence, rows = judge(tables)
    assert (rows[0]["weight"], sentence.endswith(f": {brief}.")) == (weight, True), sentence


def test_drift_that_the_sources_accept_is_no_reason_for_care(tables: FilledTables) -> None:
    tables.change(drift(0.2))
    tables.record([make_failure(success=True, boundary="drift", columns="score", source=None)])
    assert judge(tables)[1][0]["weight"] == "good"


def test_a_training_is_judged_by_the_baseline_and_the_model_that_it_replaced(tables: FilledTables) -> None:
    train(tables)
    good = "This model scores: it beats the linear baseline and its scores are calibrated."
    assert judge_training(tables.read_report(TRAINED)["training-verdict"]) == good
    tables.change(
        "UPDATE models SET validation_log_loss = 0.1, validation_accuracy = 0.95 WHERE model_id = 'model-a'"
    )
    worse = "This model scores. To know: it is worse than the champion that it replaced."
    assert judge_training(tables.read_report(TRAINED)["training-verdict"]) == worse

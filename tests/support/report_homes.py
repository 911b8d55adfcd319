"""Makes small published databases with one scoring run, and facts of a training, for tests of the report."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_contracts.storage.home import Home
from tasks.pages.sections import Part, Rows
from tasks.queries.run_query import Ask, make_ask
from tasks.report.run_choice import find_run
from tasks.report.writing import read_report
from tasks.warehouse.commit import commit_by
from tasks.warehouse.database.duckdb_errors import translate_errors
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.latest_scores import rebuild
from tasks.warehouse.published import require_published
from tasks.warehouse.publishing import publish
from tests.support.databases import open_copy
from tests.support.once import copy_once
from tests.support.warehouse_parts import PartFile, write_part

RUN = "11111111-1111-4111-8111-111111111111"
NEXT_RUN = "22222222-2222-4222-8222-222222222222"

HOSTILE = {
    "html": "<b onmouseover=alert(1)>bold</b> <img src=x onerror=alert(2)> &amp; </p></article>",
    "script": "</style></script><script>alert('owned')</script>",
    "sql": "'); DROP TABLE models; --",
    "template": "{{ 7 * 7 }} {% raw %}",
    "ansi": "\x1b[31mred\x1b[0m\x07",
    "bidi": "safe \u202egnp.exe\u2066 \u200f",
    "attribute": "\" data-row='x' style=\"position:fixed",
}
"""Texts that would do harm where they are not shown as text."""
_START = """
INSERT INTO runs (run_id, flow, parameters, code_version, started_at, status)
VALUES (?, 'score-reviews', '{}', '0.1.0+code', now(), 'running')
"""
_END = "UPDATE runs SET ended_at = now(), status = ?, counts = ? WHERE run_id = ?"
_IS_FOLLOWED = re.compile("scored_|source_reviews|promotions|reference_|shadow")
"""Finds SQL that names a table from which maintained columns and tables are made."""


def make_run(
    home: Path,
    files: Sequence[PartFile],
    run_id: str = RUN,
    *,
    status: str | None = "completed",
    commit: bool = True,
) -> Path:
    """Record a scoring run of the files, publish, and return the warehouse; a run of `status` None never ended."""
    warehouse = home / "reviews.duckdb"
    if warehouse.exists():
        _make_run(home, files, run_id, status, commit)
    else:
        key = ("run", tuple(files), run_id, status, commit)
        copy_once(key, home, lambda folder: _make_run(folder, files, run_id, status, commit))
    return warehouse


def _make_run(home: Path, files: Sequence[PartFile], run_id: str, status: str | None, commit: bool) -> None:
    """Record and commit as a run does, but open the database once."""
    part = write_part(home / "parts" / f"{run_id}-model-a", [name_run(file, run_id) for file in files])
    with open_warehouse(home / "reviews.duckdb", write=True) as connection:
        connection.execute(_START, [run_id])
        if commit:
            commit_by(connection, part)
        if status is not None:
            connection.execute(_END, [status, json.dumps({"files_scored": len(files)}), run_id])
    publish(Home(home))


def name_run(file: PartFile, run_id: str) -> PartFile:
    """Set the run that scored a file and its rows."""
    rows = [{**row, "run_id": run_id} for row in file.rows]
    return replace(file, rows=rows, ledger={"run_id": run_id, **file.ledger})


def change(warehouse: Path, *statements: str) -> None:
    """Run SQL on a warehouse, make anew what is maintained if that may follow from the SQL, and publish it."""
    with open_warehouse(warehouse, write=True) as connection:
        for statement in statements:
            connection.execute(statement)
        if any(_IS_FOLLOWED.search(statement) for statement in statements):
            rebuild(connection)
    publish(Home(warehouse.parent))


def promote(warehouse: Path, model_id: str = "model-a") -> None:
    """Make a model the champion, with a row in `models`."""
    change(
        warehouse,
        "INSERT INTO models (model_id, variant, seed, dataset, data_fingerprint, code_fingerprint, bundle_fingerprint, "
        f"test_accuracy, trained_at) VALUES ('{model_id}', 'lstm', 0, 'stanford', 'd', 'c', 'b', 0.8, now())",
        "INSERT INTO promotions "
        f"SELECT count(*) + 1, 'promote', '{model_id}', 'first', NULL, now(), NULL, NULL FROM promotions",
    )


@contextmanager
def asking(home: Path) -> Iterator[Ask]:
    """Open the published copy of a home for queries, in the engine of all tests, which takes a third of the time."""
    published = Home(home).published
    require_published(published)
    with translate_errors(published), open_copy(published) as connection:
        yield make_ask(connection)


def read_report_of(home: Path, run_id: str = RUN) -> dict[str, Rows]:
    """Return the rows of the sections of a run's report, by the names of their queries."""
    with asking(home) as ask:
        return key_by_query(read_report(ask, *find_run(ask, run_id)))


def key_by_query(parts: Iterable[Part]) -> dict[str, Rows]:
    """Return the rows of sections by the names of their queries."""
    return {part.section.query: part.rows for part in parts}


def make_bundle_facts() -> dict[str, Any]:
    """Return figures of a model as a training writes them, with all optional fields."""
    evaluation = {
        "reviews": 100,
        "accuracy": 0.9,
        "auc": 0.95,
        "log_loss": 0.3,
        "calibration_error": 0.02,
        "true_positives": 45,
        "false_positives": 5,
        "true_negatives": 45,
        "false_negatives": 5,
        "reliability": [
            {"lower": 0.1, "upper": 0.2, "reviews": 50, "mean_score": 0.15, "share_positive": 0.1},
            {"lower": 0.8, "upper": 0.9, "reviews": 50, "mean_score": 0.85, "share_positive": 0.9},
        ],
    }
    epoch = {"loss": 0.5, "accuracy": 0.7, "validation_loss": 0.4, "validation_accuracy": 0.8}
    roc = {"false_positive_rate": [0.0, 0.1, 1.0], "true_positive_rate": [0.0, 0.9, 1.0]}
    return {
        "model_id": "model-a",
        "variant": "lstm",
        "seed": 0,
        "epochs": 2,
        "kept_epoch": 2,
        "history": [epoch, {**epoch, "loss": 0.3}],
        "metrics": {
            "validation": evaluation,
            "test": {**evaluation, "roc": roc},
            "test_unseen_texts": evaluation,
            "by_length": [
                {"from_words": 0, "reviews": 60, "accuracy": 0.92, "rating_mae": 1.1},
                {"from_words": 200, "reviews": 40, "accuracy": 0.87, "rating_mae": 1.4},
            ],
            "rating": {
                "mae": 1.2,
                "rmse": 1.6,
                "spearman": 0.81,
                "title_spearman": 0.9,
                "title_pearson": 0.91,
                "titles": 40,
                "interval_coverage": 0.94,
            },
            "accuracy_interval": {"test": {"confidence": 0.95, "value": 0.9, "lower": 0.84, "upper": 0.95}},
            "slices": [
                {"name": "short", "reviews": 60, "accuracy": 0.92, "lower": 0.85, "upper": 0.97},
                {"name": "negation", "reviews": 80, "accuracy": 0.88, "lower": 0.8, "upper": 0.94},
            ],
            "behaviour": {
                "by_test": [{"name": "minimum_functionality", "tests": 100, "passed": 71, "rate": 0.71}],
                "by_capability": [{"name": "negated_positive", "tests": 10, "passed": 4, "rate": 0.4}],
            },
            "elsewhere": {
                "overall": {"name": "all", "tests": 220, "passed": 165, "rate": 0.75},
                "by_kind": [{"name": "sarcastic", "tests": 42, "passed": 21, "rate": 0.5}],
                "by_label": [{"name": "positive", "tests": 110, "passed": 80, "rate": 0.73}],
            },
        },
        "rating": {"scores": [0.0, 0.5, 1.0], "stars": [1.2, 5.5, 9.6]},
        "baseline": {"test_accuracy": 0.85, "name": "words counted"},
        "hyper_parameters": {"units": 100},
        "rows": {"train": 80, "validation": 20, "test": 100},
        "provenance": {"dataset": "stanford", "source_sha256": "archive"},
        "versions": {"python": "3.11"},
    }

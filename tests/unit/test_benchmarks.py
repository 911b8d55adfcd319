"""Tests that every view has rows in the database of `benchmarks/answers.py`, and of the tables of the models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import models
from benchmarks.answers import ASKED, ask, connect, fill, list_asked
from benchmarks.models import make_tables, read_results
from docs.pages import Part, read_part


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database that stays open: with another connection to it, DuckDB starts no engine for each query."""
    path = tmp_path_factory.mktemp("answers") / "reviews.duckdb"
    fill(path, 3_000)
    with connect(path):
        yield path


@pytest.mark.slow
def test_the_database_has_as_many_scored_rows_as_were_asked_for(warehouse: Path) -> None:
    with connect(warehouse) as connection:
        query = "SELECT count(*), count(DISTINCT (source_sha256, row_number, model_id)) FROM scored_reviews"
        assert connection.execute(query).fetchall() == [(3_000, 3_000)]


@pytest.mark.slow
def test_every_view_is_asked_and_has_an_answer(warehouse: Path) -> None:
    with connect(warehouse) as connection:
        find = "SELECT view_name FROM duckdb_views() WHERE NOT internal"
        views = [view for (view,) in connection.execute(find).fetchall()]
    queries = list_asked(warehouse)
    assert set(ASKED) <= set(views)
    assert not [view for view in views if not any(f"FROM {view}" in query for query in queries)]
    assert not [name for name, query in queries.items() if not ask(warehouse, *query).rows]


def test_the_tables_of_the_models_are_what_the_kept_results_say() -> None:
    for name, table in make_tables(read_results()).items():
        assert read_part(Part(models.PAGE, "make models", name)) == table, (
            "python -m benchmarks.models --render"
        )

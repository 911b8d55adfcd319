"""Tests that every view has rows in the database of `benchmarks/answers.py`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.answers import ASKED, PLAIN, ask, connect, fill, list_asked, list_named, make_table


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


def test_every_scored_row_has_its_text_and_its_lineage(warehouse: Path) -> None:
    with connect(warehouse) as connection:
        query = "SELECT count(*), count(bytes), count(variant), count(promotion), count(flow) FROM lineage"
        assert connection.execute(query).fetchall() == [(3_000,) * 5]


@pytest.mark.slow
def test_every_view_is_asked_and_has_an_answer(warehouse: Path) -> None:
    with connect(warehouse) as connection:
        find = "SELECT view_name FROM duckdb_views() WHERE NOT internal"
        views = [view for (view,) in connection.execute(find).fetchall()]
    queries = list_asked(warehouse)
    assert set(ASKED) <= set(views)
    assert not [view for view in views if not any(f"FROM {view}" in query for query in queries)]
    assert not [name for name, query in queries.items() if not ask(warehouse, *query).rows]


@pytest.mark.slow
def test_the_table_has_a_line_a_query_and_compares_with_the_plain_join(warehouse: Path) -> None:
    lines = make_table(warehouse, 1).splitlines()
    assert len(lines) == 4 + len(list_asked(warehouse)) + len(list_named())
    assert lines[4].startswith(f"| `{PLAIN}` | 1 |")
    assert lines[4].endswith(" 1.0 |")

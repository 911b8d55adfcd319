"""Tests that rows which do not count, as they are not in English, are in no rating and no share, and are said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.latest_scores import FIND_OUTDATED, FIND_WRONG_FLIPS
from tasks.warehouse.shadow.sums import rebuild_shadow_sums
from tasks.warehouse.tallies.score_sums import FIND_WRONG_SUMS
from tests.support.warehouse_parts import NOON, PartFile, write_part

ENGLISH: list[dict[str, Any]] = [
    {
        "review_id": f"r{number}",
        "movie_id": f"tt{number % 2}",
        "score": number / 300,
        "given_rating": float(number % 10 + 1),
        "given_label": ("negative", "positive")[number % 2],
        "counts": (True, None)[number % 2],  # null in the parts, and the rows, of older versions
    }
    for number in range(300)
]
FOREIGN: list[dict[str, Any]] = [
    {**row, "review_id": f"f{number}", "score": 0.99, "oov_rate": 1.0, "counts": False, "in_english": False}
    for number, row in enumerate(ENGLISH)
]
OF_RATINGS = (
    "latest_scores",
    "movie_ratings",
    "counted_scores",
    "daily_scores",
    "live_accuracy",
    "model_comparison",
    "drift",
    "flipped_scores",
    "shadow_comparison",
)
SHADOW = (
    "INSERT INTO shadow_scores SELECT * EXCLUDE (source) REPLACE ('shadow' AS model_id, 1 - score AS score) "
    "FROM scored_reviews WHERE model_id = 'model-a'",
    "INSERT INTO shadow_files SELECT DISTINCT source_sha256, 'shadow', 1, 'run-1', now() FROM shadow_scores",
)
"""SQL: a shadow that has scored all rows."""
PROMOTE = "INSERT INTO promotions SELECT ?, 'promote', ?, 'first', NULL, now(), NULL, NULL"


def fill(folder: Path, more: list[dict[str, Any]]) -> Path:
    """Commit two files of two runs by one model and, of the first of them, the scores of a second model."""
    warehouse = folder / "reviews.duckdb"
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute(PROMOTE, [1, "model-a"])
    first = PartFile("a.csv", [*ENGLISH[:250], *more[:250]], ledger={"source": "shop"})
    rows = [{**row, "run_id": "run-2"} for row in (*ENGLISH[250:], *more[250:])]
    second = PartFile("b.csv", rows, ledger={"source": "shop", "run_id": "run-2"})
    again = [{**row, "score": 1 - row["score"], "scored_at": NOON} for row in first.rows]
    for number, (file, model_id) in enumerate(
        ((first, "model-a"), (second, "model-a"), (PartFile("a.csv", again, ledger=first.ledger), "model-b"))
    ):
        commit_parts(warehouse, write_part(folder / f"part-{number}", [file], model_id))
    with open_warehouse(warehouse, write=True) as connection:
        for statement in SHADOW:
            connection.execute(statement)
        rebuild_shadow_sums(connection)
    return warehouse


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A database of English reviews alone, and one with others beside them."""
    folder = tmp_path_factory.mktemp("counting")
    for name in ("english", "mixed"):
        (folder / name).mkdir()
    return fill(folder / "english", []), fill(folder / "mixed", FOREIGN)


@pytest.fixture
def mixed(both: tuple[Path, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(both[1], write=False) as connection:
        yield connection


@pytest.mark.parametrize("view", OF_RATINGS)
def test_rows_that_do_not_count_change_no_rating_and_no_share(both: tuple[Path, Path], view: str) -> None:
    query = f"SELECT COLUMNS(lambda c: c NOT IN ('row_number', 'text')) FROM {view} ORDER BY ALL"
    found = []
    for warehouse in both:
        with open_warehouse(warehouse, write=False) as connection:
            found.append(connection.execute(query).fetchall())
    assert found[0]
    assert found[1] == found[0]


def test_rows_that_do_not_count_are_scored(mixed: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT count(*) FROM scored_reviews JOIN source_reviews USING (source_sha256, row_number) WHERE NOT counts"
    assert mixed.execute(query).fetchall() == [(550,)]


@pytest.mark.parametrize("find_wrong", [FIND_OUTDATED, FIND_WRONG_FLIPS, FIND_WRONG_SUMS])
def test_what_is_kept_beside_the_rows_leaves_out_those_that_do_not_count(
    mixed: duckdb.DuckDBPyConnection, find_wrong: str
) -> None:
    assert mixed.execute(find_wrong).fetchall() == []

"""Tests that every view has rows in the database of `benchmarks/answers.py`, and of the tables of the models."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import models
from benchmarks.answers import ASKED, PLAIN, ask, connect, fill, list_asked, list_named, make_table
from benchmarks.models import find_bundles, make_tables, read_results
from docs.pages import Part, read_part
from models.bundle.reading_facts import FACTS_FILE, FORMAT_VERSION


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
def test_the_table_has_the_slow_queries_beside_the_plain_join(warehouse: Path) -> None:
    lines = make_table(warehouse, 1).splitlines()
    shown = [line for line in lines if line.startswith("| `")]
    assert any(line.startswith(f"| `{PLAIN}` | 1 |") and line.endswith(" 1.0 |") for line in shown)
    assert lines[-1].startswith(f"{len(list_asked(warehouse)) + len(list_named()) - len(shown)} others")


def test_the_tables_of_the_models_are_what_the_kept_results_say() -> None:
    for name, table in make_tables(read_results()).items():
        assert read_part(Part(models.PAGE, "make models", name)) == table, (
            "python -m benchmarks.models --render"
        )


def test_a_figure_is_the_median_of_the_seeds_with_the_lowest_and_the_highest() -> None:
    results = read_results()
    for name, accuracy in (("lstm-s0", 0.5), ("lstm-s1", 0.7), ("lstm-s2", 0.6)):
        results["models"][name] |= {"test_accuracy": accuracy}
    assert "| `lstm` | 0.6000 (0.5000 to 0.7000) |" in make_tables(results)["quality"]


def put_bundle(bundles: Path, name: str, trained_at: str, **fingerprints: str) -> Path:
    """Write the facts of a bundle of `lstm`, seed 0, of the present data and code unless it is said otherwise."""
    facts: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "model_id": name,
        "variant": "lstm",
        "seed": 0,
        "hyper_parameters": {},
        "fingerprints": {"data": "these reviews", "code": "this code", **fingerprints},
        "trained_at": trained_at,
    }
    folder = bundles / name
    folder.mkdir(parents=True)
    (folder / FACTS_FILE).write_text(json.dumps(facts), "utf-8")
    return folder


def test_the_newest_bundle_of_the_present_data_and_code_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        models, "read_provenance", lambda _: SimpleNamespace(data_fingerprint="these reviews")
    )
    put_bundle(tmp_path / "bundles", "first", "2026-11-25")
    newest = put_bundle(tmp_path / "bundles", "second", "2026-11-26")
    put_bundle(tmp_path / "bundles", "of other reviews", "2026-11-27", data="other")
    other_code = put_bundle(tmp_path / "bundles", "of other code", "2026-11-28", code="other")
    (tmp_path / "bundles" / "unfinished").mkdir()
    assert find_bundles(tmp_path, "this code") == {"lstm-s0": newest}
    assert find_bundles(tmp_path, None) == {"lstm-s0": other_code}

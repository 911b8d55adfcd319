"""Tests that the test split, written in four formats, gets the scores of the model's own evaluation each time."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from benchmarks.four_formats import COLUMNS, compare_formats, write_formats
from tests.e2e.conftest import Demo, run_reviews

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.training]


def test_four_formats_of_the_same_reviews_give_the_same_scores_and_the_models_accuracy(
    demo: Demo, tmp_path: Path, shared_server: Mapping[str, str]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo.home, home)
    rows = pq.read_table(home / "reviews" / "test.parquet", columns=COLUMNS).to_pylist()
    write_formats(rows, home / "inbox" / "four-formats")
    assert run_reviews(home, "score", server=shared_server).status == 0
    published = home / "published" / "reviews.duckdb"
    found = compare_formats(published)
    with duckdb.connect(str(published), read_only=True) as connection:
        [(accuracy,)] = connection.sql("select test_accuracy from models").fetchall()
    assert [(line["reviews"], line["accuracy"]) for line in found] == [(len(rows), accuracy)] * 4
    assert found[0]["largest_difference"] < 1e-6

"""Tests that the test split, written in four formats, gets the scores of the model's own evaluation each time."""

import csv
import gzip
import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.conftest import Demo, run_reviews

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.training]

COLUMNS = ["text", "label", "rating"]
COMPARISON = """
with scored as (
    select files.uri, scored.score, scored.sentiment, reviews.text_sha256, reviews.given_label
    from scored_reviews as scored
    join source_reviews as reviews using (source_sha256, row_number)
    join scored_files as files on files.source_sha256 = scored.source_sha256 and files.model_id = scored.model_id
    where files.uri like 'four-formats/%'
),
spread as (select text_sha256, max(score) - min(score) as difference from scored group by text_sha256)
select
    uri,
    count(*) as reviews,
    avg((sentiment = given_label)::integer) as accuracy,
    (select max(difference) from spread) as largest_difference
from scored group by uri order by uri
"""


def write_formats(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write `rows` (text, label 'pos' or 'neg', rating in stars) into `folder` in four formats."""
    folder.mkdir(parents=True)
    with (folder / "reviews.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    with gzip.open(folder / "reviews.jsonl.gz", "wt", encoding="utf-8", compresslevel=1) as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / "reviews.parquet")
    with zipfile.ZipFile(folder / "reviews.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, row in enumerate(rows):
            archive.writestr(f"test/{row['label']}/{number}_{row['rating']}.txt", row["text"])


def compare_formats(database: Path) -> list[dict[str, Any]]:
    """Return for each file its reviews, their accuracy, and the largest difference of two scores of the same text."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return list(connection.sql(COMPARISON).to_arrow_table().to_pylist())


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

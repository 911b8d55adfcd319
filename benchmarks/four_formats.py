"""Checks that the same reviews get the same scores as CSV, JSON lines, Parquet and a zip of texts.

    python -m benchmarks.four_formats

Writes the test split of the home's reviews Parquet in four formats, scores the files twice with the home's champion in
a copy of the home, and prints the results. The exit status is 1 if they differ or the second run adds rows. Run
`reviews ingest` and `reviews train` first.
"""

import csv
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from deployments.settings import load_settings

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


def main() -> None:
    """Score the four files twice in a copy of the home, print the results, and exit with 1 if they differ."""
    settings = load_settings()
    rows = pq.read_table(settings.home.reviews / "test.parquet", columns=COLUMNS).to_pylist()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        for name in ("bundles", "reviews.duckdb"):
            source = settings.home.folder / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, _make_folder(home) / name)
        write_formats(rows, home / "inbox" / "four-formats")
        command = [str(Path(sys.executable).with_name("reviews")), "--home", str(home), "score"]
        found = []
        for _ in range(2):
            subprocess.run(command, check=True)
            found.append(compare_formats(home / "published" / "reviews.duckdb"))
    for line in found[0]:
        print(
            "{uri}: {reviews:,} reviews, accuracy {accuracy}, largest difference {largest_difference}".format(
                **line
            )
        )
    same = len({line["accuracy"] for line in found[0]}) == 1 and found[0] == found[1] and len(found[0]) == 4
    whole = all(line["reviews"] == len(rows) and line["largest_difference"] < 1e-6 for line in found[0])
    if not (same and whole):
        sys.exit("The four files have different results, or the second run added rows.")


def _make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()

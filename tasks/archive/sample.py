"""Provides the sample archive and the files of the demo's inbox. None of its reviews is real.

`sample_reviews.tar.bz2` has 8,000 reviews in Stanford's layout that a program wrote from lists of words and sentence
frames. Its numbers of reviews and its content digest are in `data_contracts/archive.py`.
"""

import bz2
import csv
import gzip
import json
import random
import shutil
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from data_contracts.errors import SourceError
from data_contracts.storage.durable import write_whole

SAMPLE = files("tasks.archive") / "sample_reviews.tar.bz2"
CSV_REVIEWS, JSON_REVIEWS, TEXT_REVIEWS = 400, 100, 5
FIRST_DAY, DAYS = date(2025, 1, 1), 690
"""The dates given to the demo's reviews: from this day on, spread over so many days. Plain texts have no date."""


def write_sample_archive(path: Path) -> Path:
    """Write the sample as a .tar.gz to `path`, completely or not at all, and return `path`.

    A file there is replaced; missing folders are created. Raises `SourceError` if `path` can't be written.
    """
    try:
        with (
            write_whole(path) as building,
            SAMPLE.open("rb") as packed,
            bz2.open(packed) as tar,
            gzip.open(building, "wb") as repacked,
        ):
            shutil.copyfileobj(tar, repacked)
    except OSError as error:
        raise SourceError(
            f"{path}: the sample archive can't be written ({error.strerror}). Next: free space, or name another path."
        ) from error
    return path


def put_demo_files(inbox: Path, reviews: list[dict[str, Any]]) -> None:
    """Put the files of the demo into the inbox: a CSV with two bad rows, JSON lines and plain texts, from `reviews`."""
    inbox.mkdir(parents=True, exist_ok=True)
    size = min(len(reviews), CSV_REVIEWS + JSON_REVIEWS + TEXT_REVIEWS)
    chosen = random.Random(0).sample(reviews, size)  # noqa: S311 (not for secrets)
    rows = [
        {
            "review_id": f"r{position:05}",
            "movie_id": row["movie_id"],
            "review": row["text"],
            "rating": f"{row['rating']}/10",
            "date": str(FIRST_DAY + timedelta(days=position * 263 % DAYS)),
        }
        for position, row in enumerate(chosen)
    ]
    bad = [
        {**rows[0], "review_id": "blank", "review": "   "},
        {**rows[0], "review_id": "dots", "review": "..."},
    ]
    with (inbox / "monday.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows([*rows[:CSV_REVIEWS], *bad])
    lines = "".join(json.dumps(row) + "\n" for row in rows[CSV_REVIEWS : CSV_REVIEWS + JSON_REVIEWS])
    (inbox / "tuesday.jsonl.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))
    for position, row in enumerate(rows[CSV_REVIEWS + JSON_REVIEWS :][:TEXT_REVIEWS]):
        (inbox / f"{position}_{row['rating'].partition('/')[0]}.txt").write_text(
            row["review"], encoding="utf-8"
        )

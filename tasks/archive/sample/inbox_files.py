"""Makes the files that arrive in the inbox of the demo."""

import csv
import gzip
import json
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

CSV_REVIEWS, JSON_REVIEWS, TEXT_REVIEWS = 400, 100, 5
FIRST_DAY, DAYS = date(2025, 1, 1), 690
"""The dates given to the demo's reviews: from this day on, spread over so many days. Plain texts have no date."""


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

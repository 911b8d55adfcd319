"""Makes a home in which reviews came in two weeks, for tests of their pages."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from data_contracts.storage.home import Home
from tasks.report.weeks import parse_week
from tests.support.once import copy_once
from tests.support.report_homes import NEXT_RUN, change, make_run, promote
from tests.support.warehouse_parts import PartFile, hash_text

WEEK = parse_week("2026-W10")
WEDNESDAY = datetime(2026, 3, 4, 12, tzinfo=UTC)
BEFORE = WEDNESDAY - timedelta(days=7)
NEW: list[dict[str, Any]] = [
    {"movie_id": "tt1", "score": 0.1, "text": "new and bad", "given_rating": 2.0},
    {"movie_id": "tt1", "score": 0.95, "text": "surely wrong", "given_rating": 1.0},
    {"movie_id": "tt2", "score": 0.4, "text": "hardly wrong", "given_rating": 9.0},
    {"movie_id": "tt2", "score": 0.5, "text": "not judged"},
]


def make_week_home(folder: Path) -> Home:
    """Make a home in which five reviews of tt1 came in one week, and the rows of NEW in the next, `WEEK`."""
    copy_once("a home of two weeks", folder, fill_week_home)
    return Home(folder)


OLD: list[dict[str, Any]] = [
    {"movie_id": "tt1", "score": 0.9, "text": f"old {number}"} for number in range(5)
]
OF_THE_FIRST_WEEK = [PartFile("old.csv", OLD)]
OF_THE_SECOND_WEEK = [PartFile("new.csv", NEW), PartFile("bad.csv", status="refused")]
MOMENTS = {"old.csv": BEFORE, "new.csv": WEDNESDAY, "bad.csv": WEDNESDAY}
SET_MOMENTS = (
    *(
        f"UPDATE {table} SET {column} = '{moment}' WHERE source_sha256 = '{hash_text(file)}'"
        for file, moment in MOMENTS.items()
        for table, column in (
            ("scored_files", "committed_at"),
            ("source_reviews", "file_seen_at"),
            ("scored_reviews", "scored_at"),
        )
    ),
    f"UPDATE promotions SET \"at\" = '{BEFORE}'",
)


def fill_week_home(folder: Path) -> None:
    make_run(folder, OF_THE_FIRST_WEEK)
    promote(folder / "reviews.duckdb")
    make_run(folder, OF_THE_SECOND_WEEK, NEXT_RUN)
    change(folder / "reviews.duckdb", *SET_MOMENTS)

"""Tests that exports of known platforms are read by the profiles that are built in, and no other file by them."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_contracts.sources.known_profiles import KnownProfile, find_known, load_known
from data_contracts.sources.profile import FIELDS
from tasks.reading.columns import Reading
from tasks.reading.reader import ReadOptions, read_review_file

EXPORTS = Path(__file__).parents[1] / "support" / "known_exports"
"""For each profile NAME an invented export, NAME.csv or the like, and what is read of its rows, NAME.expected.jsonl."""
REAL = Path(__file__).parents[3] / "shared" / "data" / "exports"
READ = ("text", *FIELDS[:-1], "rule")


def read(path: Path) -> tuple[list[dict[str, Any]], Reading]:
    readings: list[Reading] = []
    batches = read_review_file(path, ReadOptions(report_reading=readings.append))
    rows = [row for batch in batches for row in batch.to_pylist()]
    return rows, readings[0]


def find_export(name: str) -> Path:
    [path] = [each for each in EXPORTS.glob(f"{name}.*") if not each.name.endswith(".expected.jsonl")]
    return path


def mark(known: KnownProfile) -> Any:
    marks = [pytest.mark.process] if find_export(known.name).suffix == ".json" else []
    return pytest.param(known, id=known.name, marks=marks)


@pytest.mark.parametrize("known", [mark(known) for known in load_known()])
def test_an_export_is_read_by_the_profile_of_its_platform(known: KnownProfile) -> None:
    path = find_export(known.name)
    rows, reading = read(path)
    expected = [
        json.loads(line) for line in path.with_name(f"{known.name}.expected.jsonl").read_text().splitlines()
    ]
    for row in expected:
        if "reviewed_at" in row:
            row["reviewed_at"] = datetime.fromisoformat(row["reviewed_at"]).replace(tzinfo=UTC)
    assert reading.name == known.name
    assert [{name: row[name] for name in READ if row[name] is not None} for row in rows] == expected


def test_no_columns_are_those_of_two_platforms() -> None:
    marks = [frozenset(known.recognised_by) for known in load_known()]
    assert len(set(marks)) == len(marks)
    assert all(marks)


def test_a_table_with_common_names_is_of_no_platform() -> None:
    assert find_known(["id", "title", "text", "review", "rating", "date", "label", "movie", "score"]) is None


@pytest.fixture
def real() -> Path:
    if not REAL.is_dir():
        pytest.skip("the real exports are not at hand")
    return REAL


def count_stars(rows: list[dict[str, Any]]) -> dict[float, int]:
    return dict(Counter(row["given_rating"] for row in rows))


def test_the_real_food_reviews_are_read_right(real: Path) -> None:
    rows, reading = read(real / "amazon_food_reviews.csv")
    assert reading.profile.columns.text == ("Summary", "Text")
    assert count_stars(rows) == {10: 642, 8: 138, 6: 75, 4: 47, 2: 98}
    assert (rows[0]["movie_id"], rows[0]["reviewed_at"]) == ("B001E4KFG0", datetime(2011, 4, 27, tzinfo=UTC))
    assert {(row["review_id"], row["given_label"], row["rule"]) for row in rows} == {(None, None, None)}


def test_the_real_clothing_reviews_are_read_right(real: Path) -> None:
    rows, reading = read(real / "womens_clothing_reviews.csv")
    assert reading.profile.columns.text == ("Title", "Review Text")
    assert Counter(row["rule"] for row in rows) == {None: 958, "text_not_given": 42}
    assert count_stars(rows) == {10: 546, 8: 228, 6: 127, 4: 72, 2: 27}


def test_the_real_google_play_reviews_are_read_right(real: Path) -> None:
    rows, _ = read(real / "google_play_user_reviews.csv")
    assert Counter(row["rule"] for row in rows)["text_not_given"] == 1526
    assert {(row["given_label"], row["given_rating"]) for row in rows} == {(None, None)}
    assert "nan" not in {row["text"] for row in rows}


def test_the_real_alexa_reviews_are_read_right(real: Path) -> None:
    rows, _ = read(real / "amazon_alexa.tsv")
    assert count_stars(rows) == {10: 2286, 8: 455, 6: 152, 4: 879, 2: 1378}
    dates = [row["reviewed_at"] for row in rows]
    assert (min(dates), max(dates)) == (datetime(2018, 5, 16, tzinfo=UTC), datetime(2018, 7, 31, tzinfo=UTC))

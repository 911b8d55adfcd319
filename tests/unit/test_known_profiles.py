"""Tests that exports of known platforms are read by the profiles that are built in, and no other file by them."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_contracts.sources.known_profiles import KnownProfile, find_known, load_known, normalize_name
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


@pytest.mark.skipif(not REAL.is_dir(), reason="the real exports are not at hand")
@pytest.mark.parametrize(
    ("name", "text", "stars", "not_given"),
    [
        ("amazon_food_reviews.csv", ("Summary", "Text"), [98, 47, 75, 138, 642], 0),
        ("womens_clothing_reviews.csv", ("Title", "Review Text"), [27, 72, 127, 228, 546], 42),
        ("google_play_user_reviews.csv", ("Translated_Review",), [0] * 5, 1526),
        ("amazon_alexa.tsv", ("verified_reviews",), [1378, 879, 152, 455, 2286], 0),
    ],
)
def test_the_real_exports_are_read_right(
    name: str, text: tuple[str, ...], stars: list[int], not_given: int
) -> None:
    rows, reading = read(REAL / name)
    counts = Counter(row["given_rating"] for row in rows)
    assert [counts[rating] for rating in (2, 4, 6, 8, 10)] == stars
    assert Counter(row["rule"] for row in rows)["text_not_given"] == not_given
    assert reading.profile.columns.text == text


def test_a_name_of_a_million_accents_takes_no_longer_than_other_names_of_its_length() -> None:
    name = "A" + "\u0300\u0327" * 500_000  # joined with their letter they would take hours
    assert normalize_name(name) == name.casefold()

"""Tests that exports of platforms, as they come, are read as a person would read them."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.sources.language import mark_english
from tasks.review_files.plans.reading_plan import ReadingPlan, dump_plan, load_plan
from tasks.review_files.reader import ReadOptions, read_review_file
from tests.support.platform_exports import EXPORTS, Export
from tests.support.review_file_builders import ENCODERS

REAL = Path(__file__).parents[3] / "shared" / "data" / "exports"
FIELDS = ("text", "review_id", "movie_id", "reviewed_at", "given_label", "given_rating", "rule")
RAW = ("reviewed_at", "given_label", "given_rating")


def read(path: Path) -> tuple[list[dict[str, Any]], list[ReadingPlan]]:
    plans: list[ReadingPlan] = []
    batches = read_review_file(path, ReadOptions(report_plan=plans.append))
    return [row for batch in batches for row in batch.to_pylist()], plans


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name)
def test_an_export_is_read_as_a_person_would_read_it(tmp_path: Path, export: Export) -> None:
    path = tmp_path / f"export.{export.ending}"
    path.write_bytes(ENCODERS[export.ending]([dict(row) for row in export.rows]))
    rows, plans = read(path)
    assert [shorten(row) for row in rows] == [complete(row) for row in export.expected]
    assert {doubt.field for plan in plans for doubt in plan.doubts} == export.doubts


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name)
def test_the_plan_that_a_file_gives_reads_it_the_same_when_it_is_stated(
    tmp_path: Path, export: Export
) -> None:
    path = tmp_path / f"export.{export.ending}"
    path.write_bytes(ENCODERS[export.ending]([dict(row) for row in export.rows]))
    rows, [plan] = read(path)
    stated = load_plan(json.loads(json.dumps(dump_plan(replace(plan, known_names=False)))))
    batches = read_review_file(path, ReadOptions(plan=stated))
    assert [row for batch in batches for row in batch.to_pylist()] == rows


@pytest.mark.parametrize(
    "export", [each for each in EXPORTS if each.doubts & set(RAW)], ids=lambda each: each.name
)
def test_what_is_in_doubt_stays_as_found(tmp_path: Path, export: Export) -> None:
    path = tmp_path / f"export.{export.ending}"
    path.write_bytes(ENCODERS[export.ending]([dict(row) for row in export.rows]))
    rows, [plan] = read(path)
    for doubt in plan.doubts:
        for found, row in zip(export.rows, rows, strict=True):
            kept = json.loads(row["extra"] or "{}").get(doubt.field)
            assert row[doubt.field] is not None or kept == str(found[doubt.column])


def shorten(row: dict[str, Any]) -> dict[str, Any]:
    """Return what is read of a row, without nulls."""
    return {name: row[name] for name in FIELDS if row[name] is not None}


def complete(row: Any) -> dict[str, Any]:
    """Return an expected row with its date as a moment."""
    if "reviewed_at" not in row:
        return dict(row)
    return {**row, "reviewed_at": datetime.fromisoformat(row["reviewed_at"]).replace(tzinfo=UTC)}


@pytest.fixture
def real() -> Path:
    if not REAL.is_dir():
        pytest.skip("the real exports are not at hand")
    return REAL


def count_stars(rows: list[dict[str, Any]]) -> dict[float, int]:
    return dict(Counter(row["given_rating"] for row in rows))


def test_the_real_food_reviews_are_read_right(real: Path) -> None:
    rows, [plan] = read(real / "amazon_food_reviews.csv")
    assert plan.text == ("Summary", "Text")
    assert [doubt.column for doubt in plan.doubts] == ["Id"]
    assert count_stars(rows) == {10: 642, 8: 138, 6: 75, 4: 47, 2: 98}
    assert (rows[0]["movie_id"], rows[0]["reviewed_at"]) == ("B001E4KFG0", datetime(2011, 4, 27, tzinfo=UTC))
    assert {(row["review_id"], row["given_label"], row["rule"]) for row in rows} == {(None, None, None)}
    assert len(rows) == 1000


def test_the_real_clothing_reviews_are_read_right(real: Path) -> None:
    rows, [plan] = read(real / "womens_clothing_reviews.csv")
    assert (plan.text, plan.doubts) == (("Title", "Review Text"), ())
    assert Counter(row["rule"] for row in rows) == {None: 958, "text_not_given": 42}
    assert count_stars(rows) == {10: 546, 8: 228, 6: 127, 4: 72, 2: 27}
    assert rows[2]["text"].startswith("Some major design flaws\n\nI had")
    assert {row["review_id"] for row in rows} == {None}


def test_the_real_google_play_reviews_are_read_right(real: Path) -> None:
    rows, [plan] = read(real / "google_play_user_reviews.csv")
    assert (plan.text, plan.movie_id, plan.doubts) == (("Translated_Review",), "App", ())
    assert Counter(row["rule"] for row in rows)["text_not_given"] == 1526
    assert {(row["given_label"], row["given_rating"]) for row in rows} == {(None, None)}
    assert "nan" not in {row["text"] for row in rows}


def test_the_real_alexa_reviews_are_read_right(real: Path) -> None:
    rows, [plan] = read(real / "amazon_alexa.tsv")
    assert (plan.text, plan.movie_id, plan.doubts) == (("verified_reviews",), "variation", ())
    assert count_stars(rows) == {10: 2286, 8: 455, 6: 152, 4: 879, 2: 1378}
    dates = [row["reviewed_at"] for row in rows]
    assert (min(dates), max(dates)) == (datetime(2018, 5, 16, tzinfo=UTC), datetime(2018, 7, 31, tzinfo=UTC))
    assert sum(not row["text"].strip() for row in rows) == 79  # a blank each, which the contract sets aside


def test_of_a_real_export_the_seventeen_reviews_in_spanish_are_noticed() -> None:
    path = REAL / "amazon_alexa.tsv"
    if not path.is_file():
        pytest.skip(f"the real exports are not at hand: {path}")
    batches = [batch for batch in read_review_file(path, ReadOptions()) if len(batch)]
    texts = pa.chunked_array([batch["text"] for batch in batches]).drop_null()
    assert (~mark_english(texts)).sum() == 17

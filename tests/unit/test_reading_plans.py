"""Tests that a plan of reading is applied as it states."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.review_files.plans.dates import make_date_parser
from tasks.review_files.plans.missing_words import stands_for_no_text
from tasks.review_files.plans.ratings import make_rating_parser
from tasks.review_files.plans.reading_plan import (
    DateFormat,
    Doubt,
    RatingScale,
    ReadingPlan,
    dump_plan,
    load_plan,
)
from tasks.review_files.reader import ReadOptions, read_review_file
from tests.support.review_file_builders import ENCODERS

PLAN = ReadingPlan(
    text=("Headline", "What you liked", "Body"),
    review_id="No",
    reviewed_at="Day",
    given_label="Verdict",
    given_rating="Marks",
    author="By",
    constant_movie_id="tt1",
    known_names=False,
    dates=DateFormat("day_first", zone="Europe/Berlin"),
    ratings=RatingScale(0, 100, decimal_comma=True, words={"superb": 100}),
    labels={"buy": "positive", "avoid": "negative", "unsure": None},
    doubts=(Doubt("given_rating", "Marks", "of five or of ten"),),
)
ROW = {
    "Headline": "Fine",
    "what_you_liked": "",
    "Body": "A fine film.",
    "No": "7",
    "day": "03/04/2026 12:00",
    "Verdict": "Buy",
    "Marks": "50,0",
    "By": "Ann",
    "rating": "3",
}


def read_one(folder: Path, row: dict[str, Any], plan: ReadingPlan, ending: str = "csv") -> dict[str, Any]:
    path = folder / f"one.{ending}"
    path.write_bytes(ENCODERS[ending]([row]))
    found: list[dict[str, Any]] = [
        row for batch in read_review_file(path, ReadOptions(plan=plan)) for row in batch.to_pylist()
    ]
    return found[0]


def test_a_plan_survives_json() -> None:
    assert load_plan(json.loads(json.dumps(dump_plan(PLAN)))) == PLAN
    assert load_plan(json.loads(json.dumps(dump_plan(ReadingPlan())))) == ReadingPlan()


@pytest.mark.parametrize(
    "ending", ["csv", "tsv", "jsonl", pytest.param("parquet", marks=pytest.mark.process)]
)
def test_a_plan_says_what_every_column_becomes(tmp_path: Path, ending: str) -> None:
    row = read_one(tmp_path, ROW, PLAN, ending)
    assert (row["text"], row["review_id"], row["movie_id"]) == ("Fine\n\nA fine film.", "7", "tt1")
    assert row["reviewed_at"] == datetime(2026, 4, 3, 10, tzinfo=UTC)
    assert (row["given_label"], row["given_rating"]) == ("positive", 5.5)
    assert json.loads(row["extra"]) == {"author": "Ann", "rating": "3"}


def test_ids_that_do_not_hold_across_files_are_kept_as_a_further_column(tmp_path: Path) -> None:
    row = read_one(tmp_path, {"text": "t", "id": "7"}, ReadingPlan(review_id="id", ids_hold=False))
    assert (row["review_id"], json.loads(row["extra"])) == (None, {"id": "7"})


def test_what_is_in_doubt_is_kept_as_found(tmp_path: Path) -> None:
    row = read_one(
        tmp_path,
        {"text": "t", "date": "2026-11-01", "label": "1", "rating": "4"},
        ReadingPlan(text=("text",)),
    )
    assert (row["reviewed_at"], row["given_label"], row["given_rating"]) == (None, None, None)
    kept = {"reviewed_at": "2026-11-01", "given_label": "1", "given_rating": "4"}
    assert json.loads(row["extra"]) == kept


def test_a_title_alone_is_the_text_of_its_row(tmp_path: Path) -> None:
    row = read_one(tmp_path, {"Title": "Bad film", "Body": ""}, ReadingPlan(text=("Title", "Body")))
    assert (row["text"], row["rule"]) == ("Bad film", None)


def test_a_body_that_is_no_text_is_reported_whatever_its_title(tmp_path: Path) -> None:
    row = read_one(tmp_path, {"Title": "Bad film", "Body": 3}, ReadingPlan(text=("Title", "Body")), "jsonl")
    assert (row["text"], row["rule"]) == (None, "text_type")


@pytest.mark.parametrize(
    ("found", "form", "expected"),
    [
        ("1 Nov 2026", DateFormat(), datetime(2026, 11, 1)),
        ("31-Jul-18", DateFormat(), datetime(2018, 7, 31)),
        ("November 1st, 2026", DateFormat(), datetime(2026, 11, 1)),
        ("Sunday, 1 November 2026", DateFormat(), datetime(2026, 11, 1)),
        ("Reviewed in the United States on July 4, 2022", DateFormat(), datetime(2022, 7, 4)),
        ("Nov 1, 2026 2:33 PM", DateFormat(), datetime(2026, 11, 1, 14, 33)),
        ("2026/11/01 2:33:11 PM GMT+1", DateFormat(), datetime(2026, 11, 1, 13, 33, 11)),
        ("2026-11-01 14:03:22 UTC", DateFormat(), datetime(2026, 11, 1, 14, 3, 22)),
        ("Tue Nov 14 22:13:20 +0000 2023", DateFormat(), datetime(2023, 11, 14, 22, 13, 20)),
        ("Tue, 14 Nov 2023 22:13:20 GMT", DateFormat(), datetime(2023, 11, 14, 22, 13, 20)),
        ("2026-1-2", DateFormat(), datetime(2026, 1, 2)),
        ("2026-11-02+02:00", DateFormat(), datetime(2026, 11, 1, 22)),
        ("2026-11-02-08:00", DateFormat("iso"), datetime(2026, 11, 2, 8)),
        ("2026-11-02+0530", DateFormat(), datetime(2026, 11, 1, 18, 30)),
        ("11/01/2026", DateFormat("month_first"), datetime(2026, 11, 1)),
        ("11/01/2026", DateFormat("day_first"), datetime(2026, 1, 11)),
        ("01.11.26 08:00", DateFormat("day_first", zone="Europe/Berlin"), datetime(2026, 11, 1, 7)),
        ("09 13, 2009", DateFormat("month_first"), datetime(2009, 9, 13)),
        ("86400", DateFormat("epoch"), datetime(1970, 1, 2)),
        ("week 3 of 2026", DateFormat("pattern", "week %W of %Y"), datetime(2026, 1, 1)),
    ],
)
def test_a_date_is_read_by_its_format(found: str, form: DateFormat, expected: datetime) -> None:
    assert make_date_parser(form)(found) == expected.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("found", "form"),
    [
        ("11/01/2026", DateFormat()),
        ("31/01/2026", DateFormat("month_first")),
        ("1 Now 2026", DateFormat()),
        ("1 Nov 2026", DateFormat("iso")),
        ("1 Nov 2026 13:00 pm", DateFormat()),
        ("2026-11-01", DateFormat("epoch")),
        ("2026-11-01", DateFormat("pattern", "%d.%m.%Y")),
    ],
)
def test_a_date_of_another_format_is_not_read(found: str, form: DateFormat) -> None:
    with pytest.raises(ValueError, match=r"date|month|isoformat|time data"):
        make_date_parser(form)(found)


@pytest.mark.parametrize("found", ["4,5", "4,0"])
def test_a_decimal_comma_is_read_only_where_the_scale_has_one_whatever_follows_it(found: str) -> None:
    assert make_rating_parser(RatingScale(1, 5, decimal_comma=True))(found) == 2 * float(
        found.replace(",", ".")
    )
    with pytest.raises(ValueError, match="not a rating"):
        make_rating_parser(RatingScale(1, 5))(found)


@pytest.mark.parametrize(
    ("found", "scale", "stars"),
    [
        ("4", RatingScale(1, 5), 8),
        ("4,5", RatingScale(1, 5, decimal_comma=True), 9),
        ("7 stars", RatingScale(), 7),
        ("★★★★", RatingScale(1, 5), 8),
        ("★★★½", RatingScale(0.5, 5), 7),
        ("★★★★☆", None, 8),
        ("½", RatingScale(0.5, 5), 1),
        ("½☆☆☆☆", None, 1),
        ("bubble_50", None, 10),
        ("ui_bubble_rating bubble_45", RatingScale(1, 10), 9),
        ("4.0 out of 5 stars", None, 8),
        ("4.5 / 5.0", None, 9),
        ("4,5/5,0", RatingScale(1, 5, decimal_comma=True), 9),
        ("50 %", None, 5.5),
        ("0", RatingScale(0, 10), 1),
        ("100", RatingScale(0, 100), 10),
        ("Great", RatingScale(1, 3, words={"great": 3}), 10),
        ("1.0", RatingScale(1, 5, words={"1": 5, "5": 1}), 10),
    ],
)
def test_a_rating_is_read_by_its_scale(found: str, scale: RatingScale | None, stars: float) -> None:
    assert make_rating_parser(scale)(found) == stars


@pytest.mark.parametrize(
    ("found", "scale"),
    [
        ("4", None),
        ("6", RatingScale(1, 5)),
        ("4,5", RatingScale(1, 5)),
        ("2", RatingScale(1, 5, words={"1": 5, "5": 1})),
        ("1,234", RatingScale(0, 2000)),
        ("-1", RatingScale()),
        ("½", None),
        ("½", RatingScale(1, 10)),
        ("bubble_55", None),
        ("bubble_00", None),
        ("bubble_7", None),
    ],
)
def test_a_rating_off_its_scale_is_not_read(found: str, scale: RatingScale | None) -> None:
    with pytest.raises(ValueError, match=r"rating|scale"):
        make_rating_parser(scale)(found)


@pytest.mark.parametrize(
    "text",
    [
        *("[removed]", "[Deleted]", "(deleted by user)", "<redacted>", "[comment removed by moderator]"),
        *(
            "This review has been removed by a moderator.",
            "Comment deleted",
            "content was removed due to a violation",
        ),
    ],
)
def test_what_stands_for_a_text_that_was_taken_away_is_no_text(text: str) -> None:
    assert stands_for_no_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "#NAME?",
        "#REF!",
        "#VALUE!",
        "#DIV/0!",
        "#NULL!",
        " #NUM! ",
        "#ERROR!",
        "Page 1 of 2",
        "- page 3 / 14 -",
    ],
)
def test_an_error_of_a_spreadsheet_and_the_foot_of_a_page_are_no_texts(text: str) -> None:
    assert stands_for_no_text(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Deleted",
            "Deleted it after a day.",
            "[deleted scenes]",
            "I removed the app",
            "Content deleted for no reason",
            "Message deleted because of a bug",
            "none",
            "No",
        ),
        *("Nothing", "No Negative", "No Positive", "#1!", "#name", "Page 1 of 2 is missing", "Page 3"),
    ],
)
def test_what_a_writer_may_say_is_a_text(text: str) -> None:
    assert not stands_for_no_text(text)

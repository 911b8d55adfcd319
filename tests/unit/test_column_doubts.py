"""Tests that columns that may mean something else are in doubt, and sound ones are not."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tasks.review_files.inference.column_recognition import recognise_columns
from tasks.review_files.inference.name_doubts import OF_EVENT, RIVALS
from tasks.review_files.plans.reading_plan import DateFormat, ReadingPlan
from tasks.review_files.reader import ReadOptions, read_review_file
from tests.support.review_file_builders import ENCODERS, encode_csv


def read(folder: Path, columns: Mapping[str, Sequence[str]]) -> tuple[list[dict[str, Any]], ReadingPlan]:
    """Return the rows of a file with these columns, each with a text, and its plan."""
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    path = folder / "a.csv"
    path.write_bytes(
        encode_csv([{"text": f"Film {place} was good.", **row} for place, row in enumerate(rows)])
    )
    return read_file(path)


def read_file(path: Path, **options: Any) -> tuple[list[dict[str, Any]], ReadingPlan]:
    """Return the rows of a file, and its plan."""
    plans: list[ReadingPlan] = []
    batches = read_review_file(path, ReadOptions(report_plan=plans.append, **options))
    return [row for batch in batches for row in batch.to_pylist()], plans[0]


def list_doubts(plan: ReadingPlan) -> list[str]:
    return [doubt.field for doubt in plan.doubts]


# Ratings


@pytest.mark.parametrize("beside", ["hotel", "Nights", "roomType", "price_eur"])
def test_a_rate_that_may_be_a_price_is_no_rating_out_of_a_hundred(tmp_path: Path, beside: str) -> None:
    rows, plan = read(tmp_path, {beside: ["a", "b", "c"], "rate": ["45", "89", "72"]})
    assert list_doubts(plan) == ["given_rating"]
    assert [row["given_rating"] for row in rows] == [None] * 3


@pytest.mark.parametrize(
    ("name", "values", "stars"),
    [("rate", ["4", "9"], [4, 9]), ("rate", ["4/5", "5/5"], [8, 10]), ("rating", ["10", "90"], [1.9, 9.1])],
)
def test_a_rate_of_ten_or_with_its_scale_is_a_rating_and_so_is_a_rating_of_a_hundred(
    tmp_path: Path, name: str, values: list[str], stars: list[float]
) -> None:
    rows, _ = read(tmp_path, {"hotel": ["a", "b"], name: values})
    assert [row["given_rating"] for row in rows] == pytest.approx(stars)


def test_a_rate_beside_no_sign_of_prices_is_a_rating_of_a_hundred(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, {"classroom": ["a", "b"], "rate": ["10", "90"]})
    assert [row["given_rating"] for row in rows] == pytest.approx([1.9, 9.1])


def test_shares_of_one_as_of_cells_with_percent_are_asked_for_as_such(tmp_path: Path) -> None:
    _, plan = read(tmp_path, {"rating": ["0.2", "0.85", "1"]})
    [doubt] = plan.doubts
    assert (doubt.field, doubt.values) == ("given_rating", ("0", "1"))


@pytest.mark.parametrize("name", ["Rating (%)", "rating (0-100)"])
def test_shares_of_one_are_in_doubt_where_the_name_says_that_they_go_to_a_hundred(
    tmp_path: Path, name: str
) -> None:
    rows, plan = read(tmp_path, {name: ["0.2", "0.85", "1"]})
    [doubt] = plan.doubts
    assert (doubt.field, doubt.values) == ("given_rating", ("0", "1"))
    assert [row["given_rating"] for row in rows] == [None] * 3
    rows, _ = read(tmp_path, {name: ["0.5", "85", "1"]})
    assert [row["given_rating"] for row in rows] == pytest.approx([1.045, 8.65, 1.09])


@pytest.mark.parametrize("values", [["0", "1"], ["0.5", "1"], ["0.2", "1.2"]])
def test_stars_and_halves_and_what_is_above_one_are_no_shares(tmp_path: Path, values: list[str]) -> None:
    _, plan = read(tmp_path, {"rating": values})
    assert [(doubt.field, doubt.values) for doubt in plan.doubts] == [("given_rating", ())]


def test_numbers_that_are_no_labels_of_a_help_desk_may_be_ratings(tmp_path: Path) -> None:
    rows, plan = read_tickets(tmp_path, ["1", "3", "5"])
    assert [(doubt.field, doubt.column) for doubt in plan.doubts] == [("given_rating", "score")]
    assert (plan.given_rating, plan.given_label) == ("score", None)
    kept = [
        {name: value for name, value in json.loads(row["extra"]).items() if "given" in name} for row in rows
    ]
    assert kept == [{"given_rating": score} for score in ("1", "3", "5")]


@pytest.mark.parametrize(
    "scores",
    [["good", "bad", "offered"], ["good", "1", "2"], ["1", "2", "2"], ["0", "1", "2"], ["1", "2", "6"]],
)
def test_other_scores_of_a_help_desk_stay_labels(tmp_path: Path, scores: list[str]) -> None:
    _, plan = read_tickets(tmp_path, scores)
    assert (plan.given_rating, plan.given_label) == (None, "score")


def read_tickets(folder: Path, scores: list[str]) -> tuple[list[dict[str, Any]], ReadingPlan]:
    """Read comments on tickets, with these scores."""
    path = folder / "a.csv"
    rows = [{"ticket_id": place, "score": score, "comment": "Good."} for place, score in enumerate(scores)]
    path.write_bytes(encode_csv(rows))
    return read_file(path)


@pytest.mark.parametrize("ratings", ["1 2 3 4 5 9 9", "1 3 5 9", "1 3 5 5 9 9"])
def test_a_nine_alone_above_five_may_be_no_answer(tmp_path: Path, ratings: str) -> None:
    rows, plan = read(tmp_path, {"rating": ratings.split()})
    [doubt] = plan.doubts
    assert (doubt.field, doubt.values) == ("given_rating", ("1", "5"))
    assert "9 may mean that there is none" in doubt.reason
    assert {row["given_rating"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("ratings", "highest"), [("8 9 10 99 99 99", "10"), ("8 9 10 88 98 99", "10"), ("1 3 4 99", "5")]
)
def test_ninety_nine_alone_above_ten_may_be_no_answer(tmp_path: Path, ratings: str, highest: str) -> None:
    _, plan = read(tmp_path, {"rating": ratings.split()})
    [doubt] = plan.doubts
    assert (doubt.field, doubt.values) == ("given_rating", ("1", highest))
    codes = ", ".join(sorted({*ratings.split()} & {"88", "98", "99"}))
    assert f": {codes} may mean that there is none, since no other is above 10" in doubt.reason


@pytest.mark.parametrize(
    "ratings", ["4 9", "1 2 3 8 9", "1 2 3 10", "9 9 9 4 3 2", "9 4.5 3 2", "3 10 80 99 99"]
)
def test_nine_and_ninety_nine_among_others_are_ratings(tmp_path: Path, ratings: str) -> None:
    rows, plan = read(tmp_path, {"rating": ratings.split()})
    assert list_doubts(plan) == []
    assert None not in {row["given_rating"] for row in rows}


def test_each_rating_of_several_critics_is_read_by_the_scale_that_it_states_and_others_are_kept(
    tmp_path: Path,
) -> None:
    rows, _ = read(tmp_path, {"rating": ["3/4", "2/5", "8/10", "B+", "3"]})
    assert [row["given_rating"] for row in rows] == [7.5, 4, 8, None, None]
    assert [json.loads(row["extra"])["given_rating"] for row in rows[3:]] == ["B+", "3"]


# Second columns that may be ours as well

AVERAGES, SHARED, GIVEN = (
    ["7.8", "8.1", "6.4"] * 3,
    ["7", "8", "6"] * 3,
    [str(stars) for stars in range(2, 11)],
)
FILMS = ["Heat", "Up", "Dune"] * 3


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize(
    "names",
    [("rating", "user_rating"), ("stars", "reviewer_score"), ("rating", "rating.1")],
)
def test_of_two_ratings_the_first_is_read_if_all_rows_of_a_movie_share_the_second_one(
    tmp_path: Path, ending: str, names: tuple[str, str]
) -> None:
    path, (first, second) = tmp_path / f"a.{ending}", names
    texts = [f"It was good {stars}." for stars in GIVEN]
    columns = {"movie": FILMS, first: GIVEN, second: SHARED, "text": texts}
    path.write_bytes(
        ENCODERS[ending](
            [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        )
    )
    rows, plan = read_file(path, batch_rows=4)
    assert (plan.given_rating, plan.doubts) == (first, ())
    assert [row["given_rating"] for row in rows] == list(map(float, GIVEN))
    assert json.loads(rows[0]["extra"]) == {second: "7"}


@pytest.mark.parametrize(
    "columns",
    [
        {"rating": AVERAGES, "user_rating": GIVEN},
        {"movie": FILMS, "rating": SHARED, "user_rating": GIVEN},
        {"movie": FILMS, "rating": GIVEN, "user_rating": GIVEN[::-1]},
        {"movie": FILMS, "rating": SHARED, "user_rating": ["5", "9", "4"] * 3},
        {"rating": GIVEN, "rating.1": GIVEN[::-1]},
        {"Rating (costumes)": GIVEN, "Rating (dialogue)": GIVEN[::-1]},
        {"Rating (user)": GIVEN, "Rating": GIVEN[::-1]},
        {"rating": GIVEN, "rating.1": [*GIVEN[:8], "1"]},
        {"rating": ["8/10", "9"], "user_rating": ["7", "3"]},
        {"rating": AVERAGES, "user_rating": AVERAGES[::-1]},
        {"rating": ["1", "2", "4", "9"], "user_rating": ["2", "4", "2", "9"]},
    ],
)
def test_ratings_of_which_another_column_may_as_well_be_that_of_the_writer_are_in_doubt(
    tmp_path: Path, columns: dict[str, list[str]]
) -> None:
    rows, plan = read(tmp_path, columns)
    assert list_doubts(plan) == ["given_rating"]
    assert "may be it as well, and has other values in some rows" in plan.doubts[0].reason
    assert {row["given_rating"] for row in rows} == {None}
    assert plan.given_rating is not None
    assert json.loads(rows[0]["extra"])["given_rating"] == columns[plan.given_rating][0]


@pytest.mark.parametrize(
    "second",
    [
        [""] * 9,
        ["NaN"] * 9,
        ["Gold", "Silver", "PG-13"] * 3,
        ["8.1"] * 9,
        ["0"] * 9,
        ["", *GIVEN[1:4], *[""] * 5],
        [str(100 + place) for place in range(9)],
        [f"{stars}.0/10" for stars in GIVEN],
        [f"{stars}.00" for stars in GIVEN],
        [f"{int(stars):02}" for stars in GIVEN],
        [f"{place + 0.8}" for place in range(9)],
        [f"{-place}" for place in range(9)],
    ],
    ids=[
        *("empty", "NaN", "words", "one value", "zero", "some", "points", "their scale", "digits", "padded"),
        *("averages", "below 0"),
    ],
)
def test_a_second_rating_that_says_the_same_or_is_none_that_writers_give_changes_nothing(
    tmp_path: Path, second: list[str]
) -> None:
    rows, plan = read(tmp_path, {"user_rating": second, "rating": GIVEN})
    assert (plan.given_rating, plan.doubts) == ("rating", ())
    assert [row["given_rating"] for row in rows] == list(map(float, GIVEN))


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("nothing", ["", "N/A"])
def test_a_second_rating_is_read_where_the_first_one_is_empty(
    tmp_path: Path, ending: str, nothing: str
) -> None:
    path = tmp_path / f"a.{ending}"
    rows = [
        {"text": f"Film {stars}.", "rating (1-10)": nothing, "user_rating (1-5)": str(stars)}
        for stars in (2, 3, 5)
    ]
    path.write_bytes(ENCODERS[ending](rows))
    for may_start_over in (False, True):
        found, plan = read_file(path, batch_rows=2, may_start_over=may_start_over)
        assert (plan.given_rating, plan.doubts) == ("user_rating (1-5)", ())
        assert [row["given_rating"] for row in found] == [4, 6, 10]
        assert json.loads(found[0]["extra"]) == {"user_rating (1-5)": "2"}


def test_a_second_rating_that_is_the_movies_is_in_doubt_where_the_first_one_is_empty(tmp_path: Path) -> None:
    _, plan = read(tmp_path, {"movie": FILMS, "rating": [""] * 9, "user_rating": AVERAGES})
    assert [(doubt.field, doubt.column) for doubt in plan.doubts] == [("given_rating", "user_rating")]


def test_beside_the_rating_of_a_platform_another_one_says_nothing(tmp_path: Path) -> None:
    columns = {"reviewText": GIVEN, "overall": list("123451234"), "user_rating": GIVEN[::-1]}
    rows, plan = read(tmp_path, columns)
    assert (plan.given_rating, plan.doubts, rows[0]["given_rating"]) == ("overall", (), 2)


def test_a_rating_that_some_objects_lack_is_beside_one_that_all_have_no_other_name_of_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    objects = [{"review": f"Film {stars}.", "rating": stars, "user_rating": stars} for stars in GIVEN]
    for each in objects[1:5]:
        del each["user_rating"]
    path.write_bytes(ENCODERS["jsonl"](objects))
    rows, plan = read_file(path)
    assert ([row["given_rating"] for row in rows], plan.doubts) == (list(map(float, GIVEN)), ())


@pytest.mark.parametrize(
    ("ours", "header", "values"),
    [
        ("reviewed_at", "Date,Date", "2026-01-03,2026-02-04"),
        ("reviewed_at", "Date,Date", "2026-01-03,13.01.2026"),
        ("reviewed_at", "Date (first),Date [last]", "2026-01-03,2026-02-04"),
        ("given_label", "Sentiment,sentiment", "pos,neg"),
        ("given_label", "Sentiment (human),Sentiment", "pos,neg"),
        ("given_rating", "stars,stars", "4/5,2/5"),
    ],
)
def test_of_two_columns_of_one_name_neither_is_read_unless_they_have_the_same_values(
    tmp_path: Path, ours: str, header: str, values: str
) -> None:
    path, (first, _) = tmp_path / "a.csv", values.split(",")
    for row, is_doubted in ((values, True), (f"{first},{first}", False), (f"{first},", False)):
        path.write_text(f"text,{header}\nGood.,{first},{first}\nBad.,{row}\n")
        rows, plan = read_file(path)
        assert list_doubts(plan) == [ours] * is_doubted
        assert [row[ours] is None for row in rows] == [is_doubted] * 2


@pytest.mark.parametrize(
    ("ours", "header", "values"),
    [
        ("reviewed_at", "Timestamp,Timestamp (UTC)", "2026-01-03 10:00,"),
        ("reviewed_at", "Date,Date", "2026-01-03,2026-01-03T10:00:00Z"),
        ("reviewed_at", "Date,Date", "2026-01-03,03.01.2026"),
        ("reviewed_at", "Date (local),Date (UTC)", "2026-01-03 23:00,2026-01-04 04:00"),
        ("reviewed_at", "Date,Date", "2026-01-03,yesterday"),
        ("reviewed_at", "Date (UTC),Date (of visit)", "2026-01-03,2026-02-04"),
        ("given_label", "Sentiment,sentiment", "positive,Positive"),
        ("given_label", "sentiment,sentiment", "positive,pos"),
        ("given_label", "label,label", "positive,1"),
        ("given_label", "label,label", "positive,N/A"),
        ("given_label", "label,label", "positive,plot"),
        ("given_rating", "rating,rating", "0.5/5,0.50/5"),
    ],
)
def test_values_of_two_columns_that_mean_the_same_are_no_other_ones(
    tmp_path: Path, ours: str, header: str, values: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"text,{header}\nGood.,{values}\n")
    [row], plan = read_file(path)
    assert (plan.doubts, row[ours] is None) == ((), False)


def test_a_doubt_about_a_name_that_two_columns_have_says_which_of_them_a_profile_reads(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,Date,Date\nGood.,2026-01-03,2026-02-04\n")
    _, plan = read_file(path)
    assert plan.doubts[0].reason.startswith(
        "a second column of that name, of which a profile reads the first"
    )
    stated = ReadingPlan(("text",), reviewed_at="Date", known_names=False, dates=DateFormat())
    [batch] = read_review_file(path, ReadOptions(plan=stated))
    assert [row["reviewed_at"].month for row in batch.to_pylist()] == [1]


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["rating_x", "rating_y"], None),
        (["rating.1", "rating.2"], None),
        (["stars", "stars_right"], 1),
        (["id", "stars", "stars_duplicated_0"], 2),
        (["rating_1", "rating_2"], None),
        (["stars_x"], None),
        (["movie_x", "movie_y", "review_id.1", "review_id.2"], None),
    ],
)
def test_columns_that_a_program_has_told_apart_are_of_one_name(names: list[str], taken: int | None) -> None:
    found = recognise_columns(["review", *names])
    assert found.known == ({} if taken is None else {"given_rating": taken})
    assert found.beside == ({} if taken is None else {RIVALS["given_rating"]: taken + 1})


# Names of other things


@pytest.mark.parametrize(
    ("names", "is_doubted"),
    [
        (["start_date", "end_date"], False),
        (["Date (of stay)"], True),
        (["Date (visited)"], True),
        (["Date [check-in]"], True),
        (["Date (check_out)"], True),
        (["Date (check format)"], False),
        (["Date (trip planner)"], False),
        (["StartDate", "EndDate", "Progress", "ResponseId"], False),
        (["Respondent ID", "Start Date", "End Date"], False),
        (["check_in", "check_out", "date"], False),
        (["Date (of review)"], False),
    ],
)
def test_when_what_is_reviewed_took_place_is_not_when_the_review_was_written(
    tmp_path: Path, names: list[str], is_doubted: bool
) -> None:
    rows, plan = read(tmp_path, {name: ["2026-01-03", "2026-02-04"] for name in names})
    assert [doubt.reason for doubt in plan.doubts] == [OF_EVENT] * is_doubted
    assert [row["reviewed_at"] is None for row in rows] == [is_doubted] * 2


@pytest.mark.parametrize(
    "name", ["date_of_experience", "check_in", "stay_date", "visit_date", "Date of stay"]
)
def test_a_date_called_that_of_a_stay_is_none_of_a_review(name: str) -> None:
    assert recognise_columns(["review", name]).known == {}


@pytest.mark.parametrize("beside", ["toxicity", "is_spam", "Is Fake"])
@pytest.mark.parametrize("numbers", [["0", "1"], ["0.02", "0.97"]])
def test_labels_of_0_and_1_may_be_of_what_such_a_column_beside_them_says(
    tmp_path: Path, beside: str, numbers: list[str]
) -> None:
    for labels in (["0", "1"], ["0", "0"]):
        rows, plan = read(tmp_path, {"label": labels, beside: numbers})
        [doubt] = plan.doubts
        assert (doubt.field, f"'{beside}'" in doubt.reason) == ("given_label", True)
        assert [row["given_label"] for row in rows] == [None, None]


@pytest.mark.parametrize(
    "columns",
    [
        {"label": ["0", "1"], "helpful": ["0", "1"]},
        {"label": ["0", "1"], "useful": ["0", "1"]},
        {"label": ["0", "1"], "toxicity": ["3", "12"]},
        {"label": ["0", "1"], "spam": ["no", "yes"]},
        {"label": ["-1", "1"], "spam": ["0", "1"]},
    ],
)
def test_labels_beside_votes_or_other_numbers_are_labels(
    tmp_path: Path, columns: dict[str, list[str]]
) -> None:
    rows, plan = read(tmp_path, columns)
    assert plan.doubts == ()
    assert [row["given_label"] for row in rows] == ["negative", "positive"]


@pytest.mark.parametrize(
    ("name", "values"), [("label", ["neg", "pos"]), ("sentiment", ["0", "1"]), ("given_label", ["0", "1"])]
)
def test_words_and_numbers_that_are_called_a_sentiment_are_labels_beside_anything(
    tmp_path: Path, name: str, values: list[str]
) -> None:
    rows, plan = read(tmp_path, {name: values, "helpful": ["0", "1"], "toxic": ["0", "0"]})
    assert plan.doubts == ()
    assert [row["given_label"] for row in rows] == ["negative", "positive"]

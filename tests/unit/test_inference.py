"""Tests that a file is read in the only way that fits all of its values, or a column is in doubt."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from data_contracts.errors import FileRefusedError, PlanOutdatedError
from tasks.review_files import reader
from tasks.review_files.inference import first_pass, rating_decisions
from tasks.review_files.inference.column_facts import (
    FileFacts,
    MovieRatings,
    find_label_facts,
    find_movie_ratings,
    find_rating_facts,
)
from tasks.review_files.inference.column_recognition import recognise_columns
from tasks.review_files.inference.date_facts import find_date_facts
from tasks.review_files.inference.inferred_plan import HEADINGS, OF_HOTELS, make_plan
from tasks.review_files.inference.name_doubts import RIVALS
from tasks.review_files.inference.platforms import PLATFORMS, split_names
from tasks.review_files.inference.scale_names import find_hint, says_lowest_is_best
from tasks.review_files.plans.dates import make_date_parser
from tasks.review_files.plans.labels import make_label_parser
from tasks.review_files.plans.missing_words import is_nothing
from tasks.review_files.plans.ratings import make_rating_parser, to_stars
from tasks.review_files.plans.reading_plan import DateFormat, RatingScale, ReadingPlan
from tasks.review_files.reader import ReadOptions, read_review_file
from tests.support.review_file_builders import ENCODERS, to_tar, to_zip


def plan_of(
    dates: Sequence[str] = (), ratings: Sequence[str] = (), labels: Sequence[str] = (), **names: str
) -> ReadingPlan:
    """Return the plan of a file with these values."""
    columns = {
        "reviewed_at": names.get("date", "date"),
        "given_rating": names.get("rating", "rating"),
        "given_label": names.get("label", "label"),
    }
    facts = FileFacts(
        ("text", *columns.values()),
        {ours: frozenset([name]) for ours, name in columns.items()},
        find_date_facts(pa.array(dates, pa.string())),
        find_rating_facts(pa.array(ratings, pa.string())),
        find_label_facts(pa.array(labels, pa.string())),
    )
    return make_plan(facts)


def list_doubts(plan: ReadingPlan) -> set[str]:
    return {doubt.field for doubt in plan.doubts}


# Names


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("Your rating (1-10)", 1, 10),
        ("Rating (0 to 100)", 0, 100),
        ("Rating out of 5", 1, 5),
        ("Stars /5", 1, 5),
        ("How would you rate it on a scale of 1 to 7?", 1, 7),
        ("How many stars (1 = awful, 5 = superb)?", 1, 5),
        ("Rating in %", 0, 100),
        ("Rating (max. 5)", 1, 5),
        ("rating_out_of_10", 1, 10),
        ("Overall Satisfaction (1-10)", 1, 10),
    ],
)
def test_the_name_of_a_rating_may_state_its_scale(name: str, lowest: float, highest: float) -> None:
    assert find_hint(name) == RatingScale(lowest, highest)


@pytest.mark.parametrize(
    "name", ["rating", "rating 2", "Rating 2019-2020", "rating (3-8)", "Question 5 rating"]
)
def test_a_name_without_a_scale_states_none(name: str) -> None:
    assert find_hint(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "Your rating (1 = very good, 6 = poor)",
        "Rating (1 = excellent, 5 = terrible)",
        "Rating 1 (best) to 6 (worst)",
        "Rating (1-5, 1 is the best)",
        "Rating, best = 1, worst = 6",
        "How would you rate it? 10: really awful",
        "Rating 1-5 (best to worst)",
        "Rating 1 - high, 3 - low",
        "Rating (1-5, 1 = must see)",
        "Rating (1-5; 5 = avoid)",
        "Stars (1-5, low is good)",
        "Rating 1-5 (smaller is better)",
        "Rating (1-5, inverted)",
        "rating_(low_is_good)",
        "Bewertung (Schulnote 1-6)",
        "Rating (German grades, 1-6)",
        "Rating (1=A, 5=E)",
        "Rating (A = 1, F = 6)",
    ],
)
def test_ratings_whose_name_says_that_the_lowest_is_the_best_are_in_doubt(name: str) -> None:
    plan = plan_of(ratings=["1", "2", "5"], rating=name)
    assert (plan.ratings, list_doubts(plan)) == (None, {"given_rating"})
    assert 'words = { "1" = 5' in plan.doubts[0].reason


@pytest.mark.parametrize(
    "name",
    [
        "How good was it? (1-10)",
        "Rating (1 = not good, 5 = great)",
        "Rate the best film, 1 to 5",
        "Rating (1 = bad, 5 = very good)",
        "Rating (worst = 1, best = 10)",
        "Rating 1-5 (worst to best)",
        "Rating, 1 star is the lowest and 5 the highest",
        "Rating 1 (poor) to 5 (excellent)",
        "Rating (1-5, low is bad)",
        "Rating 1-5 (avoid decimals)",
        "Rating (German marketplace, 1-5)",
        "Bewertung (keine Schulnote)",
        "Rating (1-5, higher is better)",
        "Rating (1 = avoid, 5 = must see)",
        "Rating (1=E, 5=A)",
        "Rating (1 = a disaster, 5 = a joy)",
        "Rating, 1 is a's, 5 is b's",
        "Rate A (1-10)?",
        "How would you rate the film on a (1-10) scale?",
        "How would you rate film 1: A Quiet Place (1-10)?",
        "Rate (A: 1-10)?",
        "Rate (A: 1 to 5)?",
    ],
)
def test_a_name_that_says_so_of_the_highest_or_of_none_turns_nothing_round(name: str) -> None:
    assert not says_lowest_is_best(name)


@pytest.mark.parametrize(
    ("ours", "name"),
    [
        ("given_rating", "Rating (delivery)"),
        ("given_rating", "Rating (count)"),
        ("given_rating", "Rating (lower is better)"),
        ("given_rating", "Rating (delivery, 1-10)"),
        ("reviewed_at", "Date (of order)"),
        ("reviewed_at", "Created (PST)"),
        ("reviewed_at", "Date (UTC+02:00)"),
        ("reviewed_at", "Date [+02:00]"),
        ("given_label", "Label (of shipping)"),
    ],
)
def test_a_column_whose_remark_may_change_its_meaning_is_in_doubt(
    ours: str, name: str, tmp_path: Path
) -> None:
    path, plans = tmp_path / "a.csv", list[ReadingPlan]()
    value = {"given_rating": "9/10", "reviewed_at": "2026-01-31", "given_label": "pos"}[ours]
    path.write_text(f'text,"{name}"\nFine,{value}\nDull,{value}\n')
    [rows] = read_review_file(path, ReadOptions(report_plan=plans.append))
    assert [(doubt.field, doubt.column) for doubt in plans[0].doubts] == [(ours, name)]
    assert rows[ours].null_count == 2
    assert rows["extra"].to_pylist() == [f'{{"{ours}": "{value}"}}'] * 2


@pytest.mark.parametrize("name", ["Movie (director)", "Film (studio)"])
def test_a_movie_whose_remark_says_what_it_is_is_none(name: str) -> None:
    assert recognise_columns([name, "text"]).known == {}
    assert recognise_columns([name, "text", "Film title"]).known == {"movie_id": 2}


@pytest.mark.parametrize(
    ("ours", "name"),
    [
        ("given_rating", "Rating (1-5)"),
        ("given_rating", "Stars (out of 10, required)"),
        ("given_rating", "Rating (1 = very dull, 5 = superb)"),
        ("given_rating", "Rating (★)"),
        ("given_label", "label (0,1 = bad,good)"),
        ("reviewed_at", "Date (UTC)"),
        ("reviewed_at", "Created (UTC+00:00)"),
        ("reviewed_at", "Date (DD/MM/YYYY)"),
        ("movie_id", "Movie (title)"),
        ("movie_id", "Film [optional]"),
        ("given_rating", "Bewertung (Skala 1-10)"),
        ("given_rating", "Valutazione (da 1 a 5)"),
        ("given_rating", "Rating (1 low - 5 high)"),
        ("given_rating", "Rating (numeric)"),
        ("given_label", "Sentiment (pos/neg)"),
        ("reviewed_at", "Date (day/month/year)"),
        ("movie_id", "Film (original title)"),
        ("review_id", "Review ID (unique)"),
    ],
)
def test_a_harmless_remark_in_a_name_is_ignored(ours: str, name: str) -> None:
    found = recognise_columns(["text", name])
    assert (found.known, found.remarked) == ({ours: 1}, frozenset())


@pytest.mark.parametrize(
    "name",
    [
        "Movie (year)",
        "Film (Year)",
        "Title (Year)",
        "Title (year of release)",
        "Titel (Jahr)",
        "Movie Title [Year]",
    ],
)
def test_a_title_with_its_year_is_the_movie(name: str) -> None:
    found = recognise_columns(["rating", name, "review"])
    assert (found.known, found.text, found.unclear_title) == (
        {"given_rating": 0, "movie_id": 1},
        (2,),
        None,
    )


@pytest.mark.parametrize(
    "names", [["Movie (year)", "Movie"], ["Movie", "Movie (year)"], ["Movie (year)", "movie"]]
)
def test_a_movie_beside_its_year_is_not_the_year(names: list[str]) -> None:
    place = next(place for place, name in enumerate(names) if "year" not in name)
    assert recognise_columns([*names, "review"]).known == {"movie_id": place}


def test_a_title_without_a_year_may_be_that_of_the_review_and_a_date_may_say_where_its_year_stands() -> None:
    assert recognise_columns(["Title (Year)", "Title", "body"]).text == (1, 2)
    assert recognise_columns(["Title (optional)", "review"]).unclear_title == 0
    assert recognise_columns(["Date (year/month/day)", "review"]).known == {"reviewed_at": 0}


def test_a_column_without_a_remark_is_taken_before_one_with_another() -> None:
    found = recognise_columns(["Date (of order)", "Date (of review)", "Review (reply)", "Review"])
    assert (found.known, found.text, found.doubled) == ({"reviewed_at": 1}, (3,), False)


@pytest.mark.parametrize(
    "other", ["user_rating", "Reviewer rating", "Stars given", "reviewRating.ratingValue"]
)
@pytest.mark.parametrize("general", ["rating", "Stars", "overall"])
def test_a_rating_is_taken_before_what_a_platform_may_show_or_say_of_the_writer(
    general: str, other: str
) -> None:
    assert recognise_columns(["movie", other, general, "review"]).known == {"movie_id": 0, "given_rating": 2}
    assert recognise_columns(["movie", other, "review"]).known == {"movie_id": 0, "given_rating": 1}


@pytest.mark.parametrize("writers", ["user_rating", "Reviewer rating", "userStars", "Customer stars"])
@pytest.mark.parametrize("general", ["rating", "Stars", "overall"])
def test_a_rating_that_may_be_the_movies_has_that_of_the_writer_by_its_name_beside_it(
    general: str, writers: str
) -> None:
    for names in ([writers, general, "review"], [general, writers, "review"]):
        found = recognise_columns(names)
        assert found.known == {"given_rating": names.index(general)}
        assert found.beside == {RIVALS["given_rating"]: names.index(writers)}


@pytest.mark.parametrize("name", ["customer_rating", "reviewer_stars", "userStars"])
def test_a_rating_of_the_writer_by_its_name_is_the_rating_where_no_other_is(name: str) -> None:
    assert recognise_columns([name, "review"]).known == {"given_rating": 0}
    for other in ("user_rating", "How would you rate it (1-10)?", "Bewertung"):
        assert recognise_columns([name, other, "review"]).known == {"given_rating": 1}


@pytest.mark.parametrize("name", ["your_rating", "My stars", "yourScore"])
def test_a_rating_called_mine_or_yours_is_the_writers_beside_any_other(name: str) -> None:
    found = recognise_columns(["rating", "user_rating", name, "review"])
    assert (found.known, found.beside) == ({"given_rating": 2}, {})


def test_what_an_object_says_of_its_writer_is_no_second_rating() -> None:
    found = recognise_columns(["user.rating", "rating", "review"])
    assert (found.known, found.beside) == ({"given_rating": 1}, {})


@pytest.mark.parametrize("general", ["timestamp", "Created", "created_at", "date"])
@pytest.mark.parametrize("other", ["Reviewed on", "posted_on", "postedAt", "comment_date", "rated_at"])
def test_a_date_is_taken_before_what_may_say_on_which_site_a_review_is_or_when_it_was_answered(
    general: str, other: str
) -> None:
    assert recognise_columns([other, general, "review"]).known == {"reviewed_at": 1}
    assert recognise_columns([other, "review"]).known == {"reviewed_at": 0}


def test_the_name_of_a_film_is_the_movie_where_no_id_is() -> None:
    assert recognise_columns(["film_name", "asin", "review"]).known == {"movie_id": 1}
    assert recognise_columns(["film_name", "review"]).known == {"movie_id": 0}


def test_the_date_of_a_comment_is_not_that_of_the_post_which_it_is_about() -> None:
    assert recognise_columns(["post_date", "comment_date", "comment"]).known == {"reviewed_at": 1}


def test_the_id_and_the_date_beside_the_text_of_a_response_are_none_of_the_review() -> None:
    names = ["review", "response_id", "response_text", "response_date"]
    assert recognise_columns(names).known == {}
    assert recognise_columns([*names, "date"]).known == {"reviewed_at": 4}
    assert recognise_columns([names[0], names[1], names[3]]).known == {"review_id": 1, "reviewed_at": 2}


@pytest.mark.parametrize(
    "reply", ["Reply", "Reply from owner", "Company response", "Reply Text", "developer_response"]
)
def test_the_date_beside_a_shops_reply_is_none_of_the_review_whatever_the_reply_is_called(reply: str) -> None:
    found = recognise_columns(["Rating", "Review", reply, "Response ID", "Response date"])
    assert found.known == {"given_rating": 0}


def test_a_response_may_be_what_somebody_answered_in_a_survey() -> None:
    found = recognise_columns(["Response ID", "Response date", "Rating", "Response", "Comment"])
    assert found.known == {"review_id": 0, "reviewed_at": 1, "given_rating": 2}


def test_a_text_is_one_whatever_its_remark_says_but_a_reply() -> None:
    assert recognise_columns(["Comment (please be honest)"]).text == (0,)
    assert recognise_columns(["Comment (manager reply)"]).text == ()
    assert recognise_columns(["Review (pros)", "Review (cons)"]).doubled


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
def test_each_platform_is_recognised_by_its_own_marks(platform: Any) -> None:
    names = [split_names(mark)[0] for mark in platform.marks]
    found = recognise_columns(names).platform
    assert found is not None
    assert found.name == platform.name


@pytest.mark.parametrize(
    "header",
    [
        "Name,Year,Rating,Review,Date",
        "Name,Year,Rating,Review,Watched Date",
        "title,review,rating,version",
        "title,review,rating,territory",
        "title,content,rating,isEdited",
        "content,score,at,userName",
        "Review Title,Review Content,Review Score,Date",
    ],
)
def test_names_that_anybody_may_give_are_no_platform(header: str) -> None:
    assert recognise_columns(header.split(",")).platform is None


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,Watched Date", "a Letterboxd file"),
        ("date,review,rating,isEdited,title,userName", "an App Store file"),
        ("date,review,rating,isEdited,title,userName,developerResponse", "an App Store file"),
        ("App Name,Date,Version,Territory,Rating,Title,Review", "an App Store file"),
        ("reviewId,content,score,at", "a Google Play file"),
        ("Review ID,Review Creation Date,Review Score,Review Title,Review Content", "a Yotpo file"),
    ],
)
def test_the_names_that_one_platform_alone_gives_are_recognised(header: str, name: str) -> None:
    found = recognise_columns(header.split(",")).platform
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["movie_title", "summary", "review"], ["review"]),
        (["movie", "title", "review"], ["review"]),
        (["movie_title", "title", "review"], ["title", "review"]),
        (["title", "body"], ["title", "body"]),
        (["Review Title", "Comments"], ["Review Title", "Comments"]),
        (["When;Please tell us what you thought;Stars"], []),
        (["Please tell us why", "Any other comments?"], []),
    ],
)
def test_a_title_is_scored_where_it_can_only_be_that_of_the_review(names: list[str], text: list[str]) -> None:
    assert [names[place] for place in recognise_columns(names).text] == text


# Dates


def test_the_order_of_day_and_month_is_that_which_fits_all_dates() -> None:
    assert plan_of(dates=["03/04/2026", "27/04/2026"]).dates == DateFormat("day_first")
    no_date = "31/04/2026"
    assert plan_of(dates=["03/04/2026", "27/04/2026", no_date]).dates == DateFormat("day_first")
    assert plan_of(dates=["03/04/2026", "04/27/2026"]).dates == DateFormat("month_first")


@pytest.mark.parametrize(
    "dates",
    [
        ["03/04/2026"],
        ["27/04/2026", "04/27/2026"],
        ["03-04-2026", "3/5/2026"],
        ["18/04/03", "18/05/27", "17/06/12"],
        ["24-01-05"],
        ["24-01-05", "23-11-07", "22-08-09"],
        ["24-01-05", "31.12.24"],
        ["24-01-05", "2024-01-05"],
    ],
)
def test_dates_that_fit_both_orders_or_none_are_in_doubt(dates: list[str]) -> None:
    plan = plan_of(dates=dates)
    assert (plan.dates, list_doubts(plan)) == (DateFormat(), {"reviewed_at"})


@pytest.mark.parametrize(
    "dates",
    [
        ["31/12/24", "30/12/23"],
        ["31-12-24", "30-12-24"],
        ["25-12-98", "26-11-97", "26-11-99"],
        ["24.01.05"],
    ],
)
def test_a_short_year_is_last_where_it_can_not_be_first_or_would_be_so_in_few_files(dates: list[str]) -> None:
    plan = plan_of(dates=dates)
    assert (plan.dates, list_doubts(plan)) == (DateFormat("day_first"), set())


def test_clear_dates_beside_dates_in_doubt_are_read() -> None:
    plan = plan_of(dates=["03/04/2026", "2026-11-01"])
    assert make_date_parser(plan.dates)("2026-11-01") == datetime(2026, 11, 1, tzinfo=UTC)
    assert list_doubts(plan) == {"reviewed_at"}


DAYS = st.dates(date(1971, 1, 1), datetime.now(UTC).date())
ORDERS = {"day_first": "%d{0}%m{0}%Y", "month_first": "%m{0}%d{0}%Y"}
CLEAR = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d %b %Y",
    "%B %d, %Y",
    "%d-%b-%y",
    "%A, %d %B %Y",
    "%Y-%m-%dT00:00:00Z",
    "%Y%m%d",
)


@given(st.lists(DAYS, min_size=1, max_size=30), st.sampled_from(list(ORDERS)), st.sampled_from("/-."))
def test_dates_in_numbers_are_read_as_they_were_written_or_are_in_doubt(
    days: list[date], order: str, separator: str
) -> None:
    texts = [day.strftime(ORDERS[order].format(separator)) for day in days]
    plan = plan_of(dates=texts)
    if "reviewed_at" in list_doubts(plan) or (separator == "." and order == "month_first"):
        return  # dots stand for the day first unless a date says otherwise
    parse = make_date_parser(plan.dates)
    assert [parse(text).date() for text in texts] == days  # type: ignore[union-attr]


@given(st.lists(st.tuples(DAYS, st.sampled_from(CLEAR)), max_size=20))
def test_clear_dates_of_any_kind_are_never_in_doubt(found: list[tuple[date, str]]) -> None:
    texts = [day.strftime(pattern) for day, pattern in found]
    plan = plan_of(dates=texts)
    parse = make_date_parser(plan.dates)
    assert list_doubts(plan) == set()
    assert [parse(text).date() for text in texts] == [day for day, _ in found]  # type: ignore[union-attr]


@given(st.datetimes(datetime(1990, 1, 1), datetime.now()), st.sampled_from([1, 10**3, 10**6, 10**9]))
def test_an_epoch_is_read_in_seconds_and_in_smaller_units(moment: datetime, factor: int) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert make_date_parser(DateFormat())(str(int(moment.timestamp()) * factor)) == moment


@given(st.text(max_size=30))
def test_any_text_is_a_date_or_is_refused(text: str) -> None:
    for style in ("clear", "iso", "epoch", "day_first", "month_first"):
        try:
            found = make_date_parser(DateFormat(style))(text)
        except ValueError:
            continue
        assert found is None or found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("20250812221051", datetime(2025, 8, 12, 22, 10, 51)),
        ("202508122210", datetime(2025, 8, 12, 22, 10)),
        ("20250812221051.0", datetime(2025, 8, 12, 22, 10, 51)),
        ("1754051780123456789", datetime(2025, 8, 1, 12, 36, 20, 123457)),
    ],
)
def test_digits_are_read_as_the_only_plausible_date_that_they_are(found: str, expected: datetime) -> None:
    plan = plan_of(dates=[found, "00000000000000"])
    assert list_doubts(plan) == set()
    assert make_date_parser(plan.dates)(found) == expected.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "dates",
    [
        ["1754051780", "17540517801"],
        ["1754051780", "1754051780123"],
        ["20251312221051"],
        ["202508122510", "2025-08-12"],
        ["99999999999999999999999"],
        ["2025-31-03", "2025-12-08"],
        ["2025-01-08", "2025-10-08", "2025-02-11", "22/02/2025", "13/05/2025", "31/05/2025"],
        ["2025-01-08", "2025-10-08", "2025-02-11", "02/22/2025", "05/13/2025", "05/31/2025"],
    ],
)
def test_dates_of_which_some_fit_no_reading_of_the_others_are_all_in_doubt(dates: list[str]) -> None:
    plan = plan_of(dates=dates)
    assert (plan.dates, list_doubts(plan)) == (None, {"reviewed_at"})


def test_a_month_beyond_december_is_an_error_where_other_dates_have_the_day_last() -> None:
    plan = plan_of(dates=["2025-31-03", "2025-03-31"])
    assert (plan.dates, list_doubts(plan)) == (DateFormat(), set())
    assert plan_of(dates=["2025-13-01", "27/04/2025"]).dates == DateFormat("day_first")


@pytest.mark.parametrize("other", ["2025-01-13", "11/02/2025"])
def test_dates_of_two_forms_are_read_unless_a_spreadsheet_may_have_swapped_some(other: str) -> None:
    dates = ["2025-01-08", "2025-10-08", "2025-02-11", "22/02/2025", "13/05/2025", "31/05/2025", other]
    assert plan_of(dates=dates).dates == DateFormat("day_first")


@pytest.mark.parametrize(
    ("dates", "reason"),
    [
        (["45817", "46112.2284"], "spreadsheet counts days"),
        (["1.78206E+12"], "rounded"),
        (["Jan 10, 2026 5:18 PM PST"], "names of time zones"),
        (["last week", "2999-01-01", ""], "no date is in a form that can be read"),
    ],
)
def test_dates_that_can_not_be_read_are_in_doubt_for_a_stated_reason(dates: list[str], reason: str) -> None:
    plan = plan_of(dates=dates)
    assert [doubt.field for doubt in plan.doubts] == ["reviewed_at"]
    assert reason in plan.doubts[0].reason


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("2206-03-04", "clear"),
        ("9999-12-31", "iso"),
        ("31.12.2999", "day_first"),
        ("99999999999999", "epoch"),
    ],
)
def test_a_date_in_the_future_is_no_date_of_a_review(text: str, style: Any) -> None:
    with pytest.raises(ValueError, match="future"):
        make_date_parser(DateFormat(style))(text)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00", "1900-01-01", "1899-12-30 00:00:00", "1970-01-01T00:00:00Z", "01.01.1900"]
)
def test_what_programs_write_where_there_is_no_date_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="placeholder"):
        make_date_parser(DateFormat("day_first"))(text)


@pytest.mark.parametrize("text", ["1924-05-01", "1900-01-02", "1970-01-01T08:00:00"])
def test_other_old_dates_are_dates(text: str) -> None:
    assert make_date_parser(DateFormat())(text) is not None


@pytest.mark.parametrize("text", ["1404-05-12", "1447/02/03 10:00", "0026-03-05", "5 May 0202"])
def test_a_year_of_another_calendar_or_without_its_first_digits_is_none_of_a_review(text: str) -> None:
    with pytest.raises(ValueError, match="first year"):
        make_date_parser(DateFormat())(text)


def test_a_date_may_lie_a_day_ahead_since_clocks_and_time_zones_differ() -> None:
    soon = datetime.now(UTC) + timedelta(hours=23)
    assert make_date_parser(DateFormat())(soon.isoformat()) == soon


# Ratings


@pytest.mark.parametrize(
    ("ratings", "scale"),
    [
        (["1", "8"], RatingScale(1, 10)),
        (["6.5", "7"], RatingScale(1, 10)),
        (["2", "5", *"89" * 4], RatingScale(1, 10)),
        (["10", "24"], RatingScale(0, 100)),
        (["3", "15", "80", "45", "97"], RatingScale(0, 100)),
        (["0", "100"], RatingScale(0, 100)),
        (["3", "4/5"], RatingScale(0.5, 5)),
        (["4,5", "9"], RatingScale(1, 10, decimal_comma=True)),
        (["★★★★★", "★"], RatingScale(0.5, 5)),
        (["★★★★★★★", "★"], RatingScale(1, 10)),
        (["★★★★", "½"], RatingScale(0.5, 5)),
        (["½", "8", "9"], RatingScale(1, 10)),
        (["bubble_10", "bubble_45"], RatingScale(0.5, 5)),
        (["1 of 5 bubbles", "4.5 of 5 bubbles"], RatingScale(0.5, 5)),
        (["1 star", "2 stars", "3 Stars", "4 stars", "5 stars"], RatingScale(0.5, 5)),
        (["1-star", "2★", "3.0 star rating", "3.5 stars", "4 stars", "5*"], RatingScale(0.5, 5)),
        (["1 star", "2 stars", "3 stars", "4 stars", "5 stars", "8 stars"], RatingScale(1, 10)),
    ],
)
def test_the_scale_is_that_of_all_ratings(ratings: list[str], scale: RatingScale) -> None:
    plan = plan_of(ratings=ratings)
    assert (plan.ratings, list_doubts(plan)) == (scale, set())


@pytest.mark.parametrize(
    "ratings",
    [["1", "5"], ["0.5", "4.5"], ["0"], ["12"], ["20"], ["-1", "1"], ["101"], ["4/5", "9"], ["4/5", "8/10", "3"],
     ["4,5", "8.5"], ["good", "bad"], ["3", "4/7"],
     [*"12345" * 5, "55"], [*"123455" * 4, "45", "35", "15"], [*map(str, range(1, 11)), "55"], [*"1234" * 9, "10"],
     ["10", "20", "30", "40", "50"], ["15", "35", "50"], ["1", "4", "7"], ["2", "6"], ["0", "3", "10"],
     ["1", "½"], ["1 star", "5 stars"], ["1 star", "2 stars", "3 stars", "4 stars"],
     ["1 star", "2 stars", "3 stars", "4 stars", "5"], ["0 stars", *(f"{n} stars" for n in range(1, 6))],
     ["1 point", "2 points", "3 points", "4 points", "5 points"]],
)  # fmt: skip
def test_ratings_that_fit_several_scales_or_none_are_in_doubt(ratings: list[str]) -> None:
    plan = plan_of(ratings=ratings)
    assert (plan.ratings, list_doubts(plan)) == (None, {"given_rating"})


def test_ratings_beyond_the_scale_of_their_name_are_in_doubt() -> None:
    assert plan_of(ratings=["1", "5"], rating="Rating (1-5)").ratings == RatingScale(1, 5)
    assert list_doubts(plan_of(ratings=["1", "8"], rating="Rating (1-5)")) == {"given_rating"}


AVERAGES = {"Heat": "7.8", "Up": "8.1", "Dune": "6"}


def write_rated(path: Path, ratings: dict[str, list[str]], **more: str) -> Path:
    rows = [
        {"movie": movie, "rating": rating, "text": f"A film, {number}.", **more}
        for movie, given in ratings.items()
        for number, rating in enumerate(given)
    ]
    path.write_bytes(ENCODERS[path.suffix[1:]](rows))
    return path


def read_ratings(path: Path) -> tuple[list[float | None], ReadingPlan]:
    plans: list[ReadingPlan] = []
    batches = read_review_file(path, ReadOptions(report_plan=plans.append))
    return [rating for batch in batches for rating in batch["given_rating"].to_pylist()], plans[0]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize(
    "form", ["{}", "{}/10", "{} of 10", "{}0"], ids=["bare", "with its scale", "of ten", "longer"]
)
def test_a_rating_that_all_rows_of_a_movie_share_may_be_its_average(
    tmp_path: Path, ending: str, form: str
) -> None:
    shared = {movie: [form.format(rating)] * 4 for movie, rating in AVERAGES.items()}
    ratings, plan = read_ratings(write_rated(tmp_path / f"a.{ending}", shared))
    assert ratings == [None] * 12
    assert [(doubt.field, doubt.reason) for doubt in plan.doubts] == [
        ("given_rating", rating_decisions.AVERAGES)
    ]
    assert plan.doubts[0].values == (("1", "10") if form == "{}" else ())


@pytest.mark.parametrize(
    ("ratings", "more"),
    [
        ({"Heat": ["7.8"] * 4, "Up": ["8.1"] * 4, "Dune": ["6.4"] * 3 + ["9.2"]}, {}),
        ({"Heat": ["9"] * 4, "Up": ["8"] * 4, "Dune": ["4"] * 4}, {}),
        ({"Heat": ["9.5"] * 4, "Up": ["8.5"] * 4, "Dune": ["4"] * 4}, {}),
        ({movie: [rating] * 2 for movie, rating in AVERAGES.items()}, {}),
        ({"Heat": ["7.8"] * 20}, {}),
        ({"": ["7.8"] * 20, "Up": ["8.1"]}, {}),
        (
            {"Heat": ["4.2"] * 5, "Up": ["3.7"] * 5},
            {"beer_name": "A", "comment": "Good.", "rating_score": "", "checkin_id": "1"},
        ),
    ],
    ids=["one differs", "whole", "halves", "two rows each", "one movie", "no movie", "a platform's"],
)  # fmt: skip
def test_ratings_that_writers_may_have_given_are_no_averages(
    tmp_path: Path, ratings: dict[str, list[str]], more: dict[str, str]
) -> None:
    _, plan = read_ratings(write_rated(tmp_path / "a.csv", ratings, **more))
    assert rating_decisions.AVERAGES not in {doubt.reason for doubt in plan.doubts}


STARS = [f"{number} stars" for number in range(1, 6)]


@pytest.mark.parametrize(
    ("column", "movie", "number", "differs", "is_doubtful"),
    [
        ("rating", "movie", 3, False, True),
        ("star_rating", "hotel_name", 1, False, True),
        ("star_rating", "hotel_name", 3, False, True),
        ("rating", "movie", 1, False, False),
        ("star_rating", "hotel_name", 3, True, False),
    ],
)
def test_stars_that_all_rows_of_a_hotel_share_may_be_those_of_the_hotel(
    column: str, movie: str, number: int, differs: bool, is_doubtful: bool
) -> None:
    ratings = STARS * number + ["3 stars"] * differs
    movies = list("abcde" * number) + ["a"] * differs
    facts = FileFacts(
        ("text", column, movie),
        {"given_rating": frozenset([column]), "movie_id": frozenset([movie])},
        ratings=find_rating_facts(pa.array(ratings)),
        by_movie=find_averages(list(zip(movies, ratings, strict=True))),
    )
    plan = make_plan(facts)
    assert plan.ratings == (None if is_doubtful else RatingScale(0.5, 5))
    assert [doubt.reason for doubt in plan.doubts] == [OF_HOTELS] * is_doubtful


MOVIES_RATED = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "", None]), st.sampled_from(["7.8", "8.1", "8", "good", None])),
    max_size=40,
)


@given(MOVIES_RATED, st.integers(1, 40))
@example([("a", "7.8"), ("b", "8"), ("a", None), ("", "8.1")] * 5, 4)
def test_averages_are_found_however_the_rows_are_split(
    rows: list[tuple[str | None, str | None]], size: int
) -> None:
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    found = reduce(MovieRatings.merge, map(find_averages, parts), MovieRatings())
    given: dict[str, Counter[str]] = {}
    for movie, rating in rows:
        if movie and rating not in (None, "good"):
            given.setdefault(movie, Counter()).update([str(rating)])
    several = [counts for counts in given.values() if counts.total() >= 3]
    is_shared = all(len(counts) == 1 for counts in given.values())
    is_many = len(several) >= 2 and sum(counts.total() for counts in several) >= 9
    uneven = sum("8" not in counts for counts in several)
    assert found.are_averages == (is_shared and is_many and 2 * uneven >= len(several))
    assert (found.vary, found.are_alike) == (not is_shared, is_shared and is_many)


def find_averages(rows: Sequence[tuple[str | None, str | None]]) -> MovieRatings:
    columns = ([row[place] for row in rows] for place in (0, 1))
    movies, ratings = (pa.chunked_array([pa.array(column, pa.string())]) for column in columns)
    return find_movie_ratings(movies, ratings)


@pytest.mark.parametrize("place", [3, 4000, 9999])
def test_a_movie_whose_ratings_vary_is_found_wherever_it_is(place: int) -> None:
    rows: list[tuple[str | None, str | None]] = [("Heat", "8")] * 10_000
    assert not find_averages(rows).vary
    assert find_averages([*rows[:place], ("Heat", "9"), *rows[place + 1 :]]).vary


def test_of_very_many_movies_the_first_by_name_are_kept() -> None:
    rows = [(f"{number:05}", "7.8") for number in range(3000)] * 3
    parts = [find_averages(rows[start : start + 700]) for start in range(0, 9000, 700)]
    found = reduce(MovieRatings.merge, parts, MovieRatings())
    assert (found, len(found.shared)) == (find_averages(rows), 1000)
    assert found.are_averages


def find_movie_doubts(path: Path, table: str, **options: Any) -> list[tuple[str, str]]:
    path.write_text(table)
    plans: list[ReadingPlan] = []
    list(read_review_file(path, ReadOptions(report_plan=plans.append, **options)))
    return [(doubt.column, doubt.reason) for doubt in plans[0].doubts if doubt.field == "movie_id"]


@pytest.mark.parametrize("rated", [",rating", ""])
def test_movies_that_stand_only_above_the_reviews_are_in_doubt(tmp_path: Path, rated: str) -> None:
    end = "," if rated else ""
    table = f"Film,review{rated}\nHeat,{end}\n,A film.{end}\n,Bad.{end}\nUp,{end}\n,Good.{end}\n"
    for size in (1, 100):
        assert find_movie_doubts(tmp_path / "a.csv", table, batch_rows=size) == [("Film", HEADINGS)]


@pytest.mark.parametrize(
    "rows",
    [
        "Heat,A film.,4\n,Bad.,2\nUp,,\n",
        "Heat,A film.,4\nHeat,,5\n",
        ",A film.,4\n,,5\n",
        "Heat,,4\n" * 40 + "Heat,A film.,5\n",
        "Heat,,4\nUp,,5\nDune,,2\n",
        "All films,,4\n,A film.,4\n,Bad.,2\n",
        ",A film.,4\n,Bad.,2\nTotal,,\nAverage:,,3\nExported from Trustpilot on 29 Nov 2026,,\n",
    ],
    ids=[
        *("some have one", "ratings alone", "none has one", "one of many has a text", "no texts"),
        *("one heading", "sums and footers"),
    ],
)
@pytest.mark.parametrize("batch_rows", [1, 100])
def test_movies_that_are_no_headings_above_reviews_are_in_no_doubt(
    tmp_path: Path, rows: str, batch_rows: int
) -> None:
    table = f"Film,review,rating\n{rows}"
    assert find_movie_doubts(tmp_path / "a.csv", table, batch_rows=batch_rows) == []


@given(
    st.lists(st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 1)), min_size=1, max_size=20),
    st.sampled_from([5, 10, 20, 100]),
    st.booleans(),
)
def test_ratings_are_read_on_their_own_scale_or_are_in_doubt(
    values: list[float], highest: int, comma: bool
) -> None:
    written = [min(value, highest) for value in values]
    # Below 1 they may be shares, as a spreadsheet keeps percentages.
    assume(highest < 100 or max(written) > 1 or all(value * 2 % 1 == 0 for value in written))
    texts = [f"{value:g}".replace(".", ",") if comma else f"{value:g}" for value in written]
    plan = plan_of(ratings=texts, rating=f"Rating (0-{highest})")
    assert list_doubts(plan) == set()
    parse = make_rating_parser(plan.ratings)
    for text, value in zip(texts, written, strict=True):
        assert math.isclose(parse(text), 1 + 9 * value / highest)  # type: ignore[arg-type]
    guessed = plan_of(ratings=texts).ratings
    assert guessed is None or guessed.highest >= max(written)


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from([(0.5, 5), (1, 5), (1, 10), (0, 10), (0, 100), (1, 100), (-5, 5)]),
)
def test_stars_are_from_1_to_10_and_in_the_order_of_the_ratings(
    one: float, other: float, bounds: tuple[float, float]
) -> None:
    lowest, highest = bounds
    scale = RatingScale(lowest, highest)
    low, high = sorted(to_stars(lowest + share * (highest - lowest), scale) for share in (one, other))
    assert 1 <= low <= high <= 10
    assert (low < high) <= (one != other)


@given(st.text("0123456789.,/% ★☆½starofu", max_size=12))
def test_any_text_is_a_rating_or_is_refused(text: str) -> None:
    for scale in (None, RatingScale(), RatingScale(0, 100, decimal_comma=True)):
        try:
            found = make_rating_parser(scale)(text)
        except ValueError:
            continue
        assert found is None or 1 <= found <= 10


# Labels

SETS: list[dict[str, str | None]] = [
    {"0": "negative", "1": "positive"},
    {"-1": "negative", "1": "positive"},
    {"0": "negative", "4": "positive"},
    {"0": "negative", "2": None, "4": "positive"},
    {"pos": "positive", "neg": "negative"},
    {"Positive": "positive", "Negative": "negative", "Neutral": None},
    {"positiv": "positive", "negativ": "negative"},
    {"Recommended": "positive", "Not Recommended": "negative"},
    {"recommends": "positive", "doesn’t recommend": "negative", "doesn't recommend": "negative"},
    {"Would recommend": "positive", "Would not recommend": "negative"},
]


@pytest.mark.parametrize("labels", SETS, ids=str)
def test_a_known_set_of_labels_is_read(labels: dict[str, str | None]) -> None:
    plan = plan_of(labels=[*labels, "nan", ""])
    parse = make_label_parser(plan.labels)
    assert {label: parse(label) for label in labels} == labels
    assert list_doubts(plan) == set()


@pytest.mark.parametrize(
    "labels",
    [["1"], ["1", "2"], ["0", "1", "2"], ["-1", "0", "1"], ["4"], ["0", "pos"], ["good", "pos"], ["0", "2"]],
)
def test_a_set_of_labels_that_is_not_known_is_in_doubt(labels: list[str]) -> None:
    plan = plan_of(labels=labels)
    assert (plan.labels, list_doubts(plan)) == (None, {"given_label"})


@pytest.mark.parametrize(
    "name",
    [
        "label (1 = negative)",
        "Label (0=positive, 1=negative)",
        "label (neg: 1 / pos: 0)",
        "label: 1=negative",
        "label (1 - negative, 0 - positive)",
        "label (1 -> negative)",
        "label_1_is_negative",
    ],
)
def test_labels_that_the_columns_name_turns_round_are_in_doubt(name: str) -> None:
    plan = plan_of(labels=["0", "1"], label=name)
    assert (plan.labels, list_doubts(plan)) == (None, {"given_label"})


@pytest.mark.parametrize(
    "name",
    [
        "label (1 = positive)",
        "label (neg=0, pos=1)",
        "label (1 = final)",
        "label (0/1 = negative/positive)",
        "label (0,1 = bad,good)",
    ],
)
def test_labels_whose_columns_name_says_the_usual_are_read(name: str) -> None:
    assert plan_of(labels=["0", "1"], label=name).labels == {"0": "negative", "1": "positive"}


def read_labels(path: Path, header: str, *rows: str, **options: Any) -> tuple[list[Any], list[Any]]:
    """Return the labels of rows, and those that are kept as found."""
    names = header.split(",")
    values = [dict(zip(names, row.split(","), strict=True)) for row in rows]
    path.write_bytes(ENCODERS[path.suffix[1:]](values))
    table = pa.Table.from_batches(read_review_file(path, ReadOptions(**options)))
    kept = (json.loads(extra or "{}").get("given_label") for extra in table["extra"].to_pylist())
    return table["given_label"].to_pylist(), list(kept)


OPPOSED = (
    "a,1,negative",
    "b,0,",
    "c,1,neutral",
    "d,0,Positive",
    "e,,positive",
    "f,1,NEGATIVE",
    "g,1,positive",
)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize(
    "header", ["text,label,sentiment", "text,label,Review Sentiment", "text,sentiment,sentiment_label"]
)
@pytest.mark.parametrize("batch_rows", [2, 100])
def test_labels_of_which_a_second_column_mostly_says_the_opposite_are_in_doubt(
    tmp_path: Path, ending: str, header: str, batch_rows: int
) -> None:
    plans: list[ReadingPlan] = []
    found, kept = read_labels(
        tmp_path / f"a.{ending}", header, *OPPOSED, batch_rows=batch_rows, report_plan=plans.append
    )
    assert (found, kept) == ([None] * 7, ["1", "0", "1", "0", None, "1", "1"])
    _, first, second = header.split(",")
    [doubt] = plans[0].doubts
    assert (doubt.column, doubt.reason) == (first, f"'{second}' says the opposite in most rows")


@pytest.mark.parametrize(
    "rows", [[*OPPOSED, "h,0,negative"], OPPOSED[:5]], ids=["less than two thirds", "two rows"]
)
def test_labels_of_which_a_second_column_sometimes_says_the_opposite_are_read(
    tmp_path: Path, rows: Sequence[str]
) -> None:
    found, kept = read_labels(tmp_path / "a.csv", "text,label,sentiment", *rows)
    meanings = {"1": "positive", "0": "negative", "": None}
    assert found == [meanings[row.split(",")[1]] for row in rows]
    assert kept == [None] * len(rows)


@pytest.mark.parametrize(
    "rows",
    [
        [{"text": "a", "label": "pos", "sentiment": "neg"}, {"text": "b", "sentiment": "neg"}],
        [{"text": "a", "rating": 9, "user_rating": 3}, {"text": "b", "stars": 8, "user_rating": 4}],
    ],
)
def test_lines_of_which_some_lack_the_first_of_two_columns_are_read_when_they_are_read_twice(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(ENCODERS["jsonl"](rows))
    assert read_all(path, 0) == read_all(path, 1 << 40)


def test_a_second_rating_is_outdated_by_values_of_the_first_one_in_later_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    early = [{"text": f"a{stars}", "rating": "", "user_rating": stars} for stars in (8, 9, 10)]
    path.write_bytes(ENCODERS["jsonl"]([*early, {"text": "b", "rating": 9, "user_rating": 9}]))
    with pytest.raises(PlanOutdatedError):
        read_all(path, 0, may_start_over=True)
    rows = read_all(path, 0)
    assert rows == read_all(path, 1 << 40)
    assert [row["given_rating"] for row in rows] == [None, None, None, 9]


def test_a_second_column_of_numbers_says_the_opposite_too(tmp_path: Path) -> None:
    rows = ("a,pos,0", "b,neg,1", "c,pos,0")
    assert read_labels(tmp_path / "a.csv", "text,label,sentiment", *rows)[0] == [None] * 3


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("text,label,sentiment", ("a,1,3", "b,0,5", "c,1,1")),
        ("text,label,sentiment", ("a,1,fine", "b,0,so so", "c,1,negative")),
        ("text,label,genre", ("a,1,0", "b,0,1", "c,1,0")),
        ("text,given_label,sentiment", ("a,1,negative", "b,0,positive", "c,1,positive")),
        ("text,sentiment,recommendation", ("a,1,Not recommended", "b,0,Recommended", "c,1,Recommended")),
    ],
    ids=["another scale", "words in doubt", "no label", "our own", "of another thing"],
)
def test_what_may_mean_something_else_keeps_no_label_from_being_read(
    tmp_path: Path, header: str, rows: tuple[str, ...]
) -> None:
    labels = (["positive", "negative", "positive"], [None] * 3)
    assert read_labels(tmp_path / "a.csv", header, *rows) == labels


def test_a_profile_names_the_label_that_counts(tmp_path: Path) -> None:
    labels = {"1": "positive", "0": "negative"}
    plan = ReadingPlan(("text",), given_label="label", known_names=False, labels=labels)
    found, _ = read_labels(
        tmp_path / "a.csv", "text,label,sentiment", "a,1,negative", "b,0,positive", plan=plan
    )
    assert found == ["positive", "negative"]


@given(st.lists(st.sampled_from(["0", "1", "2", "4", "-1", "pos", "neg", "neutral", "so so"]), min_size=1))
def test_labels_are_read_as_their_set_says_or_all_stay_as_found(labels: list[str]) -> None:
    plan = plan_of(labels=labels)
    known = [each for each in SETS if set(labels) == each.keys()]
    words = set(labels) <= {"pos", "neg", "neutral"}
    assert (plan.labels is not None) == bool(known or words or set(labels) == {"0"})


@pytest.mark.parametrize(
    "header",
    [
        "text,Sentiment,SentimentScore.Positive,SentimentScore.Negative,SentimentScore.Neutral",
        "Review,Sentiment,Sentiment Score",
        "review,sentiment,confidence",
        "review,label,polarity,subjectivity",
        "text,sentiment,confidenceScores.positive",
        "reviewText,overall,sentiment,compound",
        "App Name,Rating,Subject,Body,Translated Subject,Translated Body,Sentiment,Topics",
    ],
)
def test_a_label_beside_the_figures_of_the_program_that_made_it_is_none(header: str) -> None:
    assert "given_label" not in recognise_columns(header.split(",")).known


@pytest.mark.parametrize(
    "header",
    ["text,sentiment,score", "review,label,rating", "airline_sentiment,airline_sentiment_confidence,text"],
)
def test_a_label_without_such_figures_or_that_a_platform_names_is_given(header: str) -> None:
    assert "given_label" in recognise_columns(header.split(",")).known


# Whole files

LAST_DECIDES = [
    *({"text": f"film {number}", "date": "03/04/2026", "rating": "4", "label": "0"} for number in range(400)),
    {"text": "film", "date": "27/04/2026", "rating": "9/10", "label": "4"},
]


@pytest.mark.parametrize(
    "ending", ["csv", "tsv", "jsonl", pytest.param("parquet", marks=pytest.mark.process)]
)
def test_the_last_row_of_a_file_decides_how_the_first_is_read(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_pass, "MOST_AHEAD", 1000)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(ENCODERS[ending](LAST_DECIDES))
    require_read(path, batch_rows=50)


def test_a_reader_that_may_start_over_is_stopped_where_a_later_row_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_pass, "MOST_AHEAD", 1000)
    path, plans = tmp_path / "a.jsonl", list[ReadingPlan]()
    options = ReadOptions(batch_rows=50, may_start_over=True, report_plan=plans.append)
    path.write_bytes(ENCODERS["jsonl"](LAST_DECIDES))
    with pytest.raises(PlanOutdatedError):
        list(read_review_file(path, options))
    path.write_bytes(ENCODERS["jsonl"](LAST_DECIDES[:-1]))
    assert sum(map(len, read_review_file(path, options))) == len(LAST_DECIDES) - 1
    assert [plan.ratings for plan in plans] == [None]


def test_a_reader_that_may_start_over_keeps_fewer_rows_where_they_leave_nothing_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_pass, "SETTLED_FROM", 1000)
    path = tmp_path / "a.jsonl"
    options = ReadOptions(batch_rows=50, may_start_over=True)
    path.write_bytes(ENCODERS["jsonl"](LAST_DECIDES))
    require_read(path, batch_rows=50, may_start_over=True)  # the first rows leave much in doubt
    clear = [{"text": f"film {number}", "rating": "9"} for number in range(400)]
    path.write_bytes(ENCODERS["jsonl"]([*clear, {"text": "film", "rating": "80"}]))
    with pytest.raises(PlanOutdatedError):
        list(read_review_file(path, options))


def test_a_file_of_many_chunks_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_survey_file", dict)
    path = tmp_path / "a.csv"
    path.write_bytes(
        ENCODERS["csv"]([{"text": "film " * 20_000, "rating": str(stars)} for stars in range(11)] * 5)
    )
    assert sum(map(len, read_review_file(path))) == 55
    assert path.stat().st_size > 5 << 20


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("most_ahead", [1 << 40, 0])
@pytest.mark.parametrize("blanks", [" ", " " * 60])
def test_a_line_of_sums_below_a_table_decides_nothing(
    tmp_path: Path, ending: str, most_ahead: int, blanks: str
) -> None:
    path = tmp_path / f"a.{ending}"
    rows = [*LAST_DECIDES, {"text": blanks, "date": "Total", "rating": "1609", "label": "2"}]
    path.write_bytes(ENCODERS[ending](rows))
    assert [row["given_rating"] for row in read_all(path, most_ahead)[-3:]] == [4, 9, None]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("most_ahead", [1 << 40, 0])
@pytest.mark.parametrize("word", ["Average", "TOTAL:", " Mean "])
def test_a_line_of_sums_that_is_named_decides_nothing(
    tmp_path: Path, ending: str, most_ahead: int, word: str
) -> None:
    path = tmp_path / f"a.{ending}"
    rows = [{"text": "film", "rating": "4"}, {"text": "plot", "rating": "5"}, {"text": word, "rating": "5.5"}]
    path.write_bytes(ENCODERS[ending](rows))
    assert [row["given_rating"] for row in read_all(path, most_ahead)] == [None] * 3


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("most_ahead", [1 << 40, 0])
def test_a_row_whose_text_is_not_utf_8_still_shows_the_scale(
    tmp_path: Path, ending: str, most_ahead: int
) -> None:
    path = tmp_path / f"a.{ending}"
    rows = [{"text": "film", "rating": "4"}, {"text": "caf#", "rating": "9"}]
    path.write_bytes(ENCODERS[ending](rows).replace(b"#", b"\xe9"))
    assert [row["given_rating"] for row in read_all(path, most_ahead)] == [4, 9]


@pytest.mark.parametrize("pack", [to_zip, to_tar])
def test_each_member_of_an_archive_is_read_by_its_own_values(
    tmp_path: Path, pack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_pass, "MOST_AHEAD", 1000)
    other = [{"text": "film", "rating": "4"}] * 300
    path = tmp_path / f"a.{'zip' if pack is to_zip else 'tar'}"
    members = {
        "1_9.txt": b"A film.",
        "a.csv": ENCODERS["csv"](other),
        "b.jsonl": ENCODERS["jsonl"](LAST_DECIDES),
        "c.csv": ENCODERS["csv"](LAST_DECIDES),
    }
    path.write_bytes(pack(members))
    batches = read_review_file(path, ReadOptions(batch_rows=50))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [row["given_rating"] for row in rows[:2]] == [9, None]
    assert {(row["given_rating"], row["given_label"]) for row in rows[301:]} == {
        (4, "negative"),
        (9, "positive"),
    }


def require_read(path: Path, **options: Any) -> None:
    plans: list[ReadingPlan] = []
    batches = read_review_file(path, ReadOptions(report_plan=plans.append, **options))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [plan.doubts for plan in plans] == [()]
    assert len(rows) == len(LAST_DECIDES)
    assert (rows[0]["reviewed_at"], rows[0]["given_rating"]) == (datetime(2026, 4, 3, tzinfo=UTC), 4)
    assert (rows[0]["given_label"], rows[-1]["given_label"]) == ("negative", "positive")


def test_ratings_that_lie_in_different_keys_of_json_lines_are_in_doubt(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(ENCODERS["jsonl"]([{"text": "a", "rating": 4}, {"text": "b", "stars": 9}]))
    plans: list[ReadingPlan] = []
    batches = read_review_file(path, ReadOptions(report_plan=plans.append))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [row["given_rating"] for row in rows] == [None, None]
    assert [json.loads(row["extra"]) for row in rows] == [{"given_rating": "4"}, {"given_rating": "9"}]
    assert list_doubts(plans[0]) == {"given_rating"}


def test_a_date_in_the_future_is_kept_as_found_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        ENCODERS["csv"]([{"text": "a", "date": "2206-03-04"}, {"text": "b", "date": "2025-03-04"}])
    )
    rows = [row for batch in read_review_file(path) for row in batch.to_pylist()]
    assert [row["reviewed_at"] for row in rows] == [None, datetime(2025, 3, 4, tzinfo=UTC)]
    assert json.loads(rows[0]["extra"]) == {"reviewed_at": "2206-03-04"}


@pytest.mark.parametrize("ending", ["csv", "jsonl", pytest.param("parquet", marks=pytest.mark.process)])
@pytest.mark.parametrize(
    ("bounds", "stars"),
    [
        ({"bestRating": 7}, 10),
        ({"max_rating": 12}, 1 + 9 * 6 / 11),
        ({"best_rating": 10}, 7),
        ({"rating.max": 10, "rating.min": 0}, 7.3),
        ({"best_rating": 5}, None),
        ({"worst_rating": 0}, None),
    ],
)
def test_a_column_beside_the_ratings_settles_their_scale(
    tmp_path: Path, ending: str, bounds: dict[str, int], stars: float | None
) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(ENCODERS[ending]([{"text": "a", "rating": value, **bounds} for value in (7, 1)]))
    rows = [row for batch in read_review_file(path) for row in batch.to_pylist()]
    found = rows[0]["given_rating"]
    assert found is None if stars is None else found == pytest.approx(stars)
    assert str(next(iter(bounds.values()))) in rows[0]["extra"]


def test_columns_that_state_several_scales_leave_the_ratings_in_doubt(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        ENCODERS["csv"]([{"text": "a", "rating": "4", "bestRating": best} for best in ("5", "10")])
    )
    rows = [row for batch in read_review_file(path) for row in batch.to_pylist()]
    assert [row["given_rating"] for row in rows] == [None, None]


@pytest.mark.parametrize(("answer", "label"), [("accept", "positive"), ("reject", None), ("ignore", None)])
def test_labels_that_an_annotator_rejected_are_in_doubt_and_annotated_is_not_reviewed(
    tmp_path: Path, answer: str, label: str | None
) -> None:
    rows = [
        {"text": "a", "_input_hash": 1, "label": "POSITIVE", "answer": each, "_timestamp": 1700000000}
        for each in ("accept", answer)
    ]
    path = tmp_path / "a.jsonl"
    path.write_bytes(ENCODERS["jsonl"](rows))
    found = [row for batch in read_review_file(path) for row in batch.to_pylist()]
    assert [(row["given_label"], row["reviewed_at"]) for row in found] == [(label, None)] * 2
    assert json.loads(found[1]["extra"])["_timestamp"] == 1700000000


def test_the_time_of_an_annotation_is_not_that_of_the_review(tmp_path: Path) -> None:
    row = {
        "text": "a",
        "annotation_id": "1",
        "annotator": "b",
        "lead_time": "2.5",
        "created_at": "2026-01-02",
    }
    path = tmp_path / "a.csv"
    path.write_bytes(ENCODERS["csv"]([row]))
    [found] = [row for batch in read_review_file(path) for row in batch.to_pylist()]
    assert (found["reviewed_at"], json.loads(found["extra"])["created_at"]) == (None, "2026-01-02")


@pytest.mark.parametrize(
    ("ours", "names"),
    [
        ("reviewed_at", ["Created Date", "createDate", "Created Time", "Response Date", "responded"]),
        ("given_rating", ["Survey Rating", "rate", "rating_out_of_10", "Overall Satisfaction (1-10)"]),
        ("movie_id", ["course_id", "anime_uid"]),
    ],
)
def test_further_names_of_exports_are_known(ours: str, names: Sequence[str]) -> None:
    assert [recognise_columns(["text", name]).known for name in names] == [{ours: 1}] * len(names)


@pytest.mark.parametrize(
    "name", ["review_detail", "Review Full", "commentText", "Customer Feedback", "Opinion"]
)
def test_further_names_of_texts_are_known_where_no_other_is(name: str) -> None:
    assert recognise_columns(["id", name]).text == (1,)
    assert recognise_columns([name, "review"]).text == (1,)


def test_two_exports_whose_ids_count_from_1_keep_their_reviews_apart(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        path = tmp_path / name
        path.write_bytes(ENCODERS["csv"]([{"id": "1", "text": name}]))
        [row] = [row for batch in read_review_file(path) for row in batch.to_pylist()]
        assert (row["review_id"], json.loads(row["extra"])) == (None, {"id": "1"})


JUNK = settings(max_examples=30)
VALUES = {
    "date": st.sampled_from(
        [
            *("2026-11-01", "03/04/2026", "27/04/2026", "04/27/2026", "1 Nov 2026", "nan", "soon", ""),
            *(
                "1754051780",
                "1754051780123",
                "20250812221051",
                "17540517801",
                "45817",
                "2025-31-03",
                "2999-01-01",
            ),
        ]
    ),
    "rating": st.sampled_from(
        ["1", "4,5", "4.5", "7", "8", "10", "50", "97", "4/5", "★★★", "good", "", "0", "-1"]
    ),
    "label": st.sampled_from(["0", "1", "4", "-1", "pos", "neg", "neutral", "nan", ""]),
    "text": st.sampled_from(["A film.", "nan", "", "Two\nlines; or, three."]),
    "tag": st.sampled_from(["a", ""]),
    "movie": st.sampled_from(["a", "b", ""]),
}
TABLES = st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=12)


def read_all(path: Path, most_ahead: int, *, may_start_over: bool = False) -> list[Any]:
    """Read a file of which `most_ahead` bytes are surveyed at first; return its rows, or why it is refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first_pass, "MOST_AHEAD", most_ahead)
        try:
            return [
                row
                for batch in read_review_file(path, ReadOptions(batch_rows=3, may_start_over=may_start_over))
                for row in batch.to_pylist()
            ]
        except FileRefusedError as refusal:
            return [refusal.rule]


@pytest.mark.slow
@given(TABLES, st.sampled_from(["csv", "tsv", "jsonl"]))
@JUNK
def test_a_file_is_read_the_same_whether_it_is_surveyed_by_reading_ahead_or_twice(
    tmp_path: Path, rows: list[dict[str, Any]], ending: str
) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(ENCODERS[ending](rows))
    assert read_all(path, 1 << 40) == read_all(path, 0)


@pytest.mark.slow
@given(TABLES, st.sampled_from(["csv", "tsv", "jsonl"]))
@JUNK
def test_a_file_that_is_read_once_by_its_first_rows_is_read_the_same_or_anew(
    tmp_path: Path, rows: list[dict[str, Any]], ending: str
) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(ENCODERS[ending](rows))
    with suppress(PlanOutdatedError):
        assert read_all(path, 0, may_start_over=True) == read_all(path, 1 << 40)


@pytest.mark.slow
@given(TABLES, st.sampled_from(["csv", "jsonl"]), st.data())
@JUNK
def test_a_damaged_file_gives_rows_or_a_refusal_when_it_is_read_twice(
    tmp_path: Path, rows: list[dict[str, Any]], ending: str, data: st.DataObject
) -> None:
    content = bytearray(ENCODERS[ending](rows))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"a.{ending}"
    path.write_bytes(bytes(content))
    once, twice = read_all(path, 1 << 40), read_all(path, 0)
    assert len(once) == len(twice)


@pytest.mark.slow
@given(TABLES)
@JUNK
def test_every_value_is_read_or_kept_as_found(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(ENCODERS["jsonl"](rows))
    for row, found in zip(read_all(path, 1 << 40), rows, strict=True):
        for ours, name in (("reviewed_at", "date"), ("given_rating", "rating"), ("given_label", "label")):
            kept = json.loads(row["extra"] or "{}").get(ours)
            nothing = is_nothing(found[name]) or found[name] == "neutral"
            assert (row[ours] is not None) + (kept == found[name]) == (0 if nothing and kept is None else 1)

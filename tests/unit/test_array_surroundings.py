"""Tests that reviews in a JSON document which are in no array, or deeper in its rows, are never left out in silence."""

import json
from dataclasses import replace
from typing import Any

import pytest

from data_contracts.errors import FileRefusedError
from tasks.review_files.inference.inferred_plan import find_facts, make_plan
from tasks.review_files.plans.reading_plan import ReadingPlan
from tests.support.json_reading import read, read_texts

GOOD = {"text": "A good film.", "rating": "4/5"}
BAD = {"text": "A bad film.", "rating": "2/5"}
THANKS = [{"text": "Thank you for coming."}]
NOTICES = [{"message": "Results are limited."}]
REPLIED = {"r1": GOOD, "r2": {**BAD, "replies": THANKS}}
COMMENTED = {"r1": {"comment": "A good film."}, "r2": {"comment": "A bad film.", "replies": THANKS}}


def refuse(document: Any, **options: Any) -> str:
    """Return why a document is refused."""
    with pytest.raises(FileRefusedError) as caught:
        read_texts(json.dumps(document, indent=1).encode(), **options)
    assert caught.value.rule == "json_broken"
    return caught.value.detail


@pytest.mark.parametrize(
    ("document", "program"),
    [
        (REPLIED, "'.[]'"),
        ({"r1": {**GOOD, "replies": THANKS}, "r2": {**BAD, "replies": THANKS}}, "'.[]'"),
        ({"r1": {"replies": THANKS, **GOOD}, "r2": {"replies": THANKS, **BAD}, "r3": GOOD}, "'.[]'"),
        ({"r1": {**GOOD, "replies": []}, "r2": {**BAD, "replies": []}}, "'.[]'"),
        (COMMENTED, "'.[]'"),
        ({"r1": {"comment": "A film."}, "r2": {"comment": "A bad film.", "rating": 4}}, "'.[]'"),
        ({"Heat": {"r1": GOOD, "r2": BAD}, "Dune": {"r3": {**GOOD, "replies": THANKS}}}, "'.[][]'"),
        ({"Heat": {"r1": REPLIED["r2"], "r2": REPLIED["r2"]}, "Dune": {"r3": GOOD}}, "'.[][]'"),
        ({"r1": {"text": "Great"}, "r2": {"text": "Bad", "replies": THANKS}}, "'.[]'"),
        ({"data": {"reviews": REPLIED}}, "'.data.reviews[]'"),
        ({"r1": {"attributes": GOOD}, "r2": {"attributes": BAD, "answers": THANKS}}, "'.[].attributes'"),
        ({"data": {"attributes": GOOD, "relationships": {"answers": {"data": THANKS}}}}, ".data.attributes"),
        ({"id": 4, "comment": "A good film.", "replies": THANKS}, "."),
        ({"r1": GOOD, "r2": BAD}, "'.[]'"),
        ({"review": GOOD, "page": 1}, ".review"),
    ],
)
def test_reviews_outside_of_arrays_are_refused_with_the_step_that_writes_them(
    document: Any, program: str
) -> None:
    assert f"jq -c {program} writes" in refuse(document)


def test_an_array_beside_reviews_by_their_ids_is_named_as_the_other_way() -> None:
    document = {"reviews": {"r1": GOOD, "r2": BAD}, "notices": NOTICES}
    detail = refuse(document)
    assert "jq -c '.reviews[]' writes them as lines; or" in detail
    assert "--json-path notices" in detail
    assert read_texts(document, json_path="notices") == ["Results are limited."]


@pytest.mark.parametrize(
    "document",
    [
        REPLIED,
        {name: {**GOOD, "replies": [{**BAD, "date": "2026-11-27"}]} for name in ("r1", "r2", "r3")},
        {name: {"replies": [{**BAD, "date": "2026-11-27"}], **GOOD} for name in ("r1", "r2", "r3")},
        {name: {"replies": THANKS} for name in ("r1", "r2", "r3")},
    ],
)
def test_an_array_in_one_of_several_objects_alike_is_never_proposed(document: Any) -> None:
    assert "json-path" not in refuse(document)


@pytest.mark.parametrize("place", [[], ["data"]])
@pytest.mark.parametrize("is_before", [True, False])
def test_an_empty_array_of_reviews_keeps_another_array_from_being_taken(
    place: list[str], is_before: bool
) -> None:
    arrays: list[tuple[str, Any]] = [("reviews", []), ("messages", NOTICES)]
    document: Any = dict(arrays if is_before else reversed(arrays))
    for name in place:
        document = {name: document}
    path = ".".join([*place, "messages"])
    detail = refuse(document)
    assert "reviews[]' is empty, and" in detail
    assert f"--json-path {path}." in detail
    assert read_texts(document, json_path=path) == ["Results are limited."]


def test_an_empty_array_of_comments_does_not_keep_rated_texts_from_being_read() -> None:
    assert read_texts({"comments": [], "results": [GOOD, BAD]}) == ["A good film.", "A bad film."]


@pytest.mark.parametrize("indent", [None, 1])
def test_an_answer_that_says_when_it_was_given_is_no_review(indent: int | None) -> None:
    answer = {"status": "ok", "message": "All is well.", "time": "2026-11-27", "data": {"rows": [GOOD, BAD]}}
    assert read_texts(json.dumps(answer, indent=indent).encode()) == ["A good film.", "A bad film."]


def test_an_answer_with_a_date_and_no_reviews_has_no_rows() -> None:
    answer = {"success": True, "message": "There are none", "time": "2026-11-27", "data": []}
    assert read_texts(json.dumps(answer).encode()) == []


@pytest.mark.parametrize("lists", [{"photos": [{"id": 4}]}, {"seen": [{"text": "So it is."}]}])
def test_a_review_on_one_line_with_a_date_stays_one_whatever_lists_it_has(lists: dict[str, Any]) -> None:
    row = {"comment": "A film.", "date": "2026-11-27", **lists}
    assert read_texts(json.dumps(row).encode()) == ["A film."]


@pytest.mark.parametrize(
    "outer",
    [
        {"message": "All is well."},
        {"success": True, "message": "All is well.", "time": "2026-11-27T09:00:00Z"},
        {"status": {"message": "All is well."}, "message": "All is well."},
        {"content": "A desert planet", "movie": "Dune"},
        {"review": "https://example.org/4", "text": ""},
        {"errors": [], "comments": []},
        {"query": {"match": {"text": "film"}}},
        {"film": {"title": "Dune", "description": "A desert planet"}},
    ],
    ids=str,
)
@pytest.mark.parametrize("is_before", [True, False])
def test_what_else_an_answer_says_does_not_keep_its_reviews_from_being_read(
    outer: dict[str, Any], is_before: bool
) -> None:
    rows = {"reviews": [GOOD, BAD]}
    document = {**outer, **rows} if is_before else {**rows, **outer}
    assert read_texts(document) == ["A good film.", "A bad film."]


def read_movies(document: Any, **options: Any) -> list[Any]:
    """Return the movie of each row of a document."""
    data = document if isinstance(document, bytes) else json.dumps(document, indent=1).encode()
    return [
        movie
        for rows in read(data, **options)
        for movie in rows.known.get("movie_id", [None] * len(rows.row_numbers))
    ]


def list_doubts(document: Any) -> list[tuple[str, str]]:
    """Return what a document leaves in doubt: our column and its key."""
    plan = make_plan(find_facts(read(json.dumps(document).encode())))
    return [(doubt.field, doubt.column) for doubt in plan.doubts if doubt.field != "given_rating"]


@pytest.mark.parametrize(
    ("document", "movie"),
    [
        ({"movie": "Heat", "reviews": [GOOD, BAD]}, "Heat"),
        ({"movie": "x", "data": {"film": {"title": "Heat"}, "reviews": [GOOD, BAD]}}, "Heat"),
        ({"movie": "Heat", "data": {"movie": None, "reviews": [GOOD, BAD]}}, "Heat"),
        ({"movie": "Heat", "ids": [4], "people": [{"id": 4}], "reviews": [GOOD, BAD]}, "Heat"),
        ({"reviews": [GOOD, BAD], "movie": "Heat"}, "Heat"),
        ({"reviews": [GOOD, BAD], "film": {"name": "Heat", "year": 1995}}, "Heat"),
        ({"data": {"reviews": [GOOD, BAD], "film": {"title": "Heat"}}, "movie": "x"}, "Heat"),
        ({"movie": "x", "data": {"reviews": [GOOD, BAD], "film": {"title": "Heat"}}}, "Heat"),
        ({"data": {"reviews": [GOOD, BAD], "page": 1}, "people": [{"id": 4}], "movie": "Heat"}, "Heat"),
        ({"title": "x", "reviews": [GOOD, BAD], "movie": "Heat"}, "Heat"),
        ({"product": {"id": "Heat", "name": "x"}, "reviews": [GOOD, BAD]}, "Heat"),
        ({"product": {"title": "Heat", "price": 9}, "reviews": [GOOD, BAD]}, "Heat"),
        ({"reviews": [GOOD, BAD], "asin": "Heat"}, "Heat"),
        ({"appId": "Heat", "app": "x", "reviews": [GOOD, BAD]}, "Heat"),
        ({"app": {"id": "Heat", "name": "x"}, "reviews": [GOOD, BAD]}, "Heat"),
        ({"product": {"name": "Heat", "price": 9}, "reviews": [GOOD, BAD]}, "Heat"),
        ({"movie": "Heat", "data": {"product_id": 5, "reviews": [GOOD, BAD]}}, "Heat"),
        ({"data": {"product": {"id": 5}, "reviews": [GOOD, BAD]}, "film": {"title": "Heat"}}, "Heat"),
    ],
    ids=str,
)
def test_the_movie_that_stands_around_an_array_is_that_of_its_rows(document: Any, movie: str) -> None:
    assert [str(each) for each in read_movies(document)] == [movie] * 2
    path = "data.reviews" if "data" in document else "reviews"
    assert [str(each) for each in read_movies(document, json_path=path)] == [movie] * 2


def test_a_row_that_names_its_movie_keeps_it() -> None:
    rows = [GOOD, {**BAD, "film": "Dune"}, {**BAD, "film": None}]
    assert [str(each) for each in read_movies({"movie": "Heat", "reviews": rows})] == ["Heat", "Dune", "None"]


@pytest.mark.parametrize(
    "outer",
    [
        {"page": 1},
        {"movie": ""},
        {"movie": True},
        {"movie": ["Heat"]},
        {"movie": "x" * 300},
        {"filters": {"movie": {"id": 4}}},
        {"movie": "\ud83d"},
    ],
    ids=str,
)
def test_what_names_no_movie_of_the_rows_is_none(outer: dict[str, Any]) -> None:
    document = {**outer, "reviews": [GOOD, BAD]}
    assert {str(each) for each in read_movies(document)} == {"None"}
    assert read_texts(document) == ["A good film.", "A bad film."]


def test_a_movie_that_is_no_utf_8_keeps_no_row_from_being_read() -> None:
    data = json.dumps({"movie": "Caf_", "reviews": [GOOD, BAD]}, indent=1).encode().replace(b"_", b"\xe9")
    assert read_texts(data) == ["A good film.", "A bad film."]


def test_a_profile_may_name_the_movie_that_stands_before_the_array() -> None:
    plan = ReadingPlan(("text",), movie_id="name", known_names=False)
    document = {"name": "Heat", "movie": "x", "reviews": [GOOD, BAD]}
    assert [str(each) for each in read_movies(document, plan=plan)] == ["Heat"] * 2
    unnamed = replace(plan, movie_id=None)
    assert {str(each) for each in read_movies(document, plan=unnamed)} == {"None"}


@pytest.mark.parametrize(
    "document",
    [
        {"query": {"text": "films about heat"}, "hits": [GOOD, BAD]},
        {"schema": {"text": "The text of the review"}, "reviews": [GOOD, BAD]},
        {"title": "Heat", "content": "Two men on either side of the law.", "reviews": [GOOD, BAD]},
        {"films": {"heat": {"content": "A plot."}, "alien": {"content": "Another."}}, "reviews": [GOOD, BAD]},
        {"review_errors": [], "data": [{"text": "A good film."}, {"text": "A bad film."}]},
    ],
    ids=str,
)
def test_a_text_around_rated_reviews_does_not_refuse_them(document: Any) -> None:
    assert len(read_movies(document)) == 2


@pytest.mark.parametrize("name", ["app", "product", "item_name", "AppName"])
@pytest.mark.parametrize("is_before", [True, False])
def test_what_may_be_the_program_that_wrote_a_document_is_a_movie_in_doubt(
    name: str, is_before: bool
) -> None:
    outer, rows = {name: "Exporter 2.1"}, {"reviews": [GOOD, BAD]}
    document = {**outer, **rows} if is_before else {**rows, **outer}
    assert read_movies(document) == [None, None]
    assert list_doubts(document) == [("movie_id", name)]
    plan = ReadingPlan(("text",), movie_id=name, known_names=False)
    assert [str(each) for each in read_movies(document, plan=plan)] == ["Exporter 2.1"] * 2


@pytest.mark.parametrize(
    "document",
    [
        {"app": "x", "reviews": [{**GOOD, "movie": "Heat"}, {**BAD, "movie": "Up"}]},
        {"movie": "Heat", "app": "x", "reviews": [GOOD, BAD]},
        {"title": "Reviews of May", "reviews": [GOOD, BAD]},
        {"name": "export", "reviews": [GOOD, BAD]},
        {"reviews": [GOOD, BAD], "meta": {"title": "May", "name": "export"}, "page": 1},
        {"title": "", "name": None, "app": 2.5, "reviews": [GOOD, BAD]},
        [GOOD, BAD],
    ],
    ids=str,
)
def test_what_else_stands_around_rows_leaves_no_movie_in_doubt(document: Any) -> None:
    assert list_doubts(document) == []


def test_a_movie_after_an_array_that_is_not_held_refuses_it_with_the_step_that_writes_the_rows() -> None:
    document = {"data": {"reviews": [GOOD, BAD, GOOD]}, "film": {"title": "Heat"}}
    for size in (1, 2, 3):
        assert "jq -c '. as $all | .data.reviews[] | {movie: $all.film.title} + .' writes them" in refuse(
            document, batch_rows=size
        )
    assert "write them as lines, each with" in refuse({"all reviews": [GOOD, BAD], "film": 1}, batch_rows=1)


def test_a_movie_after_a_long_array_refuses_none_whose_rows_have_one_or_whose_profile_names_none() -> None:
    named = {"reviews": [{**GOOD, "film": "Up"}] * 3, "movie": "Heat"}
    assert [str(each) for each in read_movies(named, batch_rows=2)] == ["Up"] * 3
    plan = ReadingPlan(("text",), constant_movie_id="Heat", known_names=False)
    assert len(read_movies({"reviews": [GOOD] * 3, "movie": "x"}, batch_rows=2, plan=plan)) == 3
    before = {"movie": "Heat", "reviews": [GOOD] * 3, "film": "x"}
    assert [str(each) for each in read_movies(before, batch_rows=2)] == ["Heat"] * 3


def test_a_table_by_its_columns_is_refused_with_the_step_that_writes_it_by_rows() -> None:
    table = {"text": {"0": "Good.", "1": "Bad."}, "rating": {"0": 4, "1": 1}}
    with pytest.raises(
        FileRefusedError, match=r"table by its columns: .*orient='records'.*jq -c '\. as \$table"
    ):
        read(json.dumps(table).encode())


@pytest.mark.parametrize("movie", [{"0": "Heat"}, {"1": "Heat", "2": "Dune"}, {}])
def test_a_review_with_an_object_of_numbers_is_no_table(movie: dict[str, str]) -> None:
    assert read_texts(json.dumps({"text": "Good.", "movies": movie}).encode()) == ["Good."]

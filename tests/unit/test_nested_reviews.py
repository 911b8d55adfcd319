"""Tests that reviews deeper in the rows of a JSON file are refused with a step that writes them as rows."""

import json
from typing import Any

import pytest

from data_contracts.errors import FileRefusedError
from tests.support.json_reading import read, read_texts

RATED = [{"text": "A good film.", "rating": "4/5"}, {"text": "A bad film.", "rating": "2/5"}]
TEXTS = ["A good film.", "A bad film."]
FILM = {"movie": "Heat", "overview": "A man goes home."}
_REVIEWS = ". as $film | .reviews[]? |"
_NAMED = "[$names, .] | transpose | map({key: .[0], value: .[1]}) | from_entries"
SPLIT: dict[str, Any] = {
    "columns": ["text", "rating"],
    "index": [0, 1],
    "data": [["A good film.", 4], ["A bad film.", 2]],
}


def refuse(data: bytes, **options: Any) -> str:
    """Return why a file is refused."""
    with pytest.raises(FileRefusedError) as caught:
        read_texts(data, **options)
    assert caught.value.rule == "json_broken"
    return caught.value.detail


def encode(document: Any) -> bytes:
    """Return a document on one line."""
    return json.dumps(document).encode()


CASES = [
    ({"reviews": {"r0": RATED[0], "r1": RATED[1]}, "movie": "Heat"}, ".reviews[]"),
    ({"0": RATED[0], "1": RATED[1]}, ".[]"),
    ([{**FILM, "reviews": RATED}], f".[] | {_REVIEWS} . + {{movie: $film.movie}}"),
    ([{**FILM, "reviews": []}, {**FILM, "reviews": RATED}], f".[] | {_REVIEWS} . + {{movie: $film.movie}}"),
    ({"films": [{"title": "Heat", "reviews": RATED}]}, f".films[] | {_REVIEWS} . + {{movie: $film.title}}"),
    ([{"year": 1995, "reviews": RATED}], ".[] | .reviews[]?"),
    ([{**FILM, "reviews": [{**row, "film": "x"} for row in RATED]}], ".[] | .reviews[]?"),
    ([{"movie": "Heat", "data": {"reviews": RATED}}], ".[] | . as $film | .data.reviews[]? | . + {movie: $film.movie}"),
    ({**FILM, "reviews": TEXTS}, f"{_REVIEWS} {{text: .}} + {{movie: $film.movie}}"),
    ({"year": 1995, "reviews": TEXTS}, ".reviews[]? | {text: .}"),
    (SPLIT, f".columns as $names | .data[] | {_NAMED}"),
    ([["text", "rating"], *SPLIT["data"]], f". | .[0] as $names | .[1:][] | {_NAMED}"),
    (TEXTS, ".[] | {text: .}"),
]  # fmt: skip
"""A document on one line, and the program of jq that writes its reviews as lines."""


@pytest.mark.parametrize(("document", "program"), CASES, ids=[program for _, program in CASES])
def test_reviews_that_are_no_rows_are_refused_with_the_step_that_writes_them(
    document: Any, program: str
) -> None:
    detail = refuse(encode(document))
    assert f"jq -c '{program}' writes " in detail or f"jq -c {program} writes " in detail


@pytest.mark.parametrize("row", [{"content": "A man goes home.", "movie": "Heat"}, {"text": "A plot."}])
def test_texts_beside_lists_of_reviews_are_refused_with_both_ways(row: dict[str, str]) -> None:
    lines = "\n".join(json.dumps({**row, "reviews": reviews}) for reviews in ([], RATED)).encode()
    detail = refuse(lines)
    assert ".reviews[]?" in detail
    [text] = row.keys() - {"movie"}
    assert f"reviews sources init NAME FILE --text {text}" in detail
    assert read_texts(lines, text_column=text) == [row[text]] * 2


@pytest.mark.parametrize(
    "name",
    [
        "comments",
        "replies",
        "photos",
        "reviewers",
        "owner_comments",
        "sub_comments",
        "comment_replies",
        "review_responses",
        "edited_reviews",
    ],
)
def test_what_a_review_was_answered_is_no_list_of_reviews(name: str) -> None:
    lines = "\n".join(json.dumps({"text": text, name: [{"text": "So it is."}]}) for text in TEXTS).encode()
    assert read_texts(lines) == TEXTS


@pytest.mark.parametrize("reviews", [3, "4.5 of 5", [], ["url"], [{"id": 4}], [{"text": None}], None])
def test_a_list_called_reviews_without_texts_is_a_value_of_its_row(reviews: Any) -> None:
    assert read_texts("\n".join(json.dumps({**row, "reviews": reviews}) for row in RATED).encode()) == TEXTS


def test_a_change_of_a_row_as_databases_write_it_is_no_object_by_its_id() -> None:
    change = {"before": RATED[0], "after": RATED[1], "op": "u"}
    with pytest.raises(FileRefusedError, match="jq -c ") as caught:
        read(encode(change))
    assert caught.value.rule == "text_column_missing"


def test_lists_and_texts_named_by_their_path_are_refused_too() -> None:
    assert "write them as objects" in refuse(encode(SPLIT), json_path="data")
    texts = {"films": 1, "reviews": TEXTS}
    assert "jq -c '.reviews[] | {text: .}'" in refuse(encode(texts), json_path="reviews")


def test_a_key_that_jq_does_not_know_as_it_is_stands_in_no_program() -> None:
    assert "jq" not in refuse(encode([{"all reviews": RATED}]))
    assert "jq" not in refuse(json.dumps({"all films": [{"reviews": RATED}]}, indent=1).encode())


def test_a_rated_row_is_a_review_whatever_its_list_of_comments_is_called() -> None:
    rows = [{**row, "feedback": [{"text": "Thanks."}]} for row in RATED]
    assert read_texts("\n".join(map(json.dumps, rows)).encode()) == TEXTS

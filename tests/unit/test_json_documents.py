"""Tests that JSON arrays and nested JSON are read as rows, whatever lies around them."""

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_contracts.errors import FileRefusedError
from tasks.reading.json_files import flatten_object
from tests.support.json_reading import read, read_texts
from tests.support.profiles import make_profile
from tests.support.review_file_builders import encode_jsonl, list_further

GOOD = [{"text": "A good film.", "stars": 8}, {"text": "A bad film.", "stars": 2}]
TEXTS = [row["text"] for row in GOOD]


def read_further(row: dict[str, Any]) -> dict[str, Any]:
    (rows,) = read(json.dumps([{"text": "A film.", **row}]).encode())
    return list_further(rows)[0]


# Where the rows are


@pytest.mark.parametrize(
    "document",
    [
        GOOD,
        {"reviews": GOOD},
        {"data": {"page": 1, "reviews": GOOD}, "next": None},
        {"tags": ["a", "b"], "counts": [[1], [2]], "reviews": GOOD, "errors": []},
    ],
    ids=["array", "object", "nested", "beside other lists"],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_the_one_array_of_objects_has_the_rows(document: Any, indent: int | None) -> None:
    assert read_texts(json.dumps(document, indent=indent).encode()) == TEXTS


AT_REVIEWS = make_profile("text", tables={"file": {"json_path": "data.reviews"}})


def test_a_profile_may_name_the_array() -> None:
    document = {"users": [{"name": "Ann"}], "data": {"reviews": GOOD}}
    assert read_texts(document, profile=AT_REVIEWS) == TEXTS


def test_a_path_at_which_there_is_no_array_refuses_the_document() -> None:
    with pytest.raises(FileRefusedError, match=r"no array of objects is at 'data\.reviews'"):
        read_texts({"reviews": GOOD}, profile=AT_REVIEWS)


@pytest.mark.parametrize(
    "others",
    [{"errors": [{"message": "Gone."}]}, {"products": [{"name": "A lamp", "reviews": GOOD}]}],
    ids=["beside", "nested"],
)
def test_of_several_arrays_of_objects_none_is_chosen_without_a_profile(others: Any) -> None:
    with pytest.raises(FileRefusedError, match=r"json_broken: .*several arrays have objects"):
        read_texts({**others, "data": {"reviews": GOOD}})


@pytest.mark.parametrize(
    "document",
    [
        {"text": "A good film.", "replies": [{"text": "Thanks."}]},
        {"reviews": [], "featured": [{"text": "A good film."}]},
        {"reviews": [None, *GOOD], "other": [{"text": "Thanks."}]},
        {"reviews": ["none", *GOOD]},
    ],
    ids=["a review with replies", "an empty array", "an array with a null first", "alone"],
)
def test_no_review_beside_the_array_is_passed_over_without_a_word(document: Any) -> None:
    with pytest.raises(FileRefusedError, match="reviews sources init NAME FILE --json-path"):
        read_texts(document)


def test_a_path_for_any_key_reads_the_rows_of_each_with_it_as_a_column() -> None:
    profile = make_profile("text", movie_id="*", tables={"file": {"json_path": "films.*.reviews"}})
    films = {name: {"reviews": [row]} for name, row in zip(("Heat", "Up"), GOOD, strict=True)}
    (rows,) = read(json.dumps({"films": films, "users": [{"name": "Ann"}]}).encode(), profile=profile)
    assert rows.known["text"].to_pylist() == TEXTS
    assert rows.known["movie_id"].to_pylist() == ["Heat", "Up"]


@pytest.mark.parametrize("film", [{"reviews": GOOD[0]}, {"reviews": "A film."}, [{"reviews": GOOD}]])
@pytest.mark.parametrize("place", ["films.*.reviews", "films.b.reviews"])
def test_what_a_path_meets_and_can_not_read_refuses_the_document(film: Any, place: str) -> None:
    profile = make_profile("text", tables={"file": {"json_path": place}})
    with pytest.raises(FileRefusedError, match=r"json_path .* meets 'films\.b"):
        read_texts({"films": {"a": {"reviews": GOOD}, "b": film}}, profile=profile)


@pytest.mark.parametrize("film", [{"reviews": None}, {"reviews": []}, {}, None, 3])
def test_a_path_passes_over_what_has_no_review(film: Any) -> None:
    profile = make_profile("text", tables={"file": {"json_path": "films.*.reviews"}})
    assert read_texts({"films": {"a": {"reviews": GOOD}, "b": film}}, profile=profile) == TEXTS


@pytest.mark.parametrize("outer", [lambda rows: {"reviews": rows}, lambda rows: rows])
def test_a_list_after_the_first_review_is_set_aside(outer: Callable[[Any], Any]) -> None:
    (rows,) = read(json.dumps(outer([*GOOD, [GOOD[0]]])).encode())
    assert rows.known["text"].to_pylist() == [*TEXTS, None]
    assert {place: defect.rule for place, defect in rows.defects.items()} == {len(GOOD): "row_shape"}


@pytest.mark.parametrize("document", [[], {"reviews": []}, {"data": {"reviews": [], "page": 1}}])
def test_a_document_with_an_empty_array_alone_has_no_rows(document: Any) -> None:
    assert read_texts(document) == []


def test_an_empty_array_beside_rows_that_are_lists_hides_none_of_them() -> None:
    with pytest.raises(FileRefusedError, match="no array of objects"):
        read_texts({"columns": ["text"], "data": [["A film."]], "errors": []})


def test_lines_of_objects_are_read_as_lines() -> None:
    lines = encode_jsonl([{**row, "replies": [{"by": "Ann"}]} for row in GOOD])
    assert read_texts(b"\n" + lines.replace(b"\n", b"\r\n\r\n")) == TEXTS


# What the rows are


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"user": {"name": "Ann", "home": {"city": "Bonn"}}}, {"user.name": "Ann", "user.home.city": "Bonn"}),
        ({"tags": ["a", {"b": 1}]}, {"tags": ["a", {"b": 1}]}),
        ({"user": {}, "n": None}, {"user": {}}),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b": 1, "a.b_2": 2}),
    ],
)
def test_nested_objects_become_columns_with_dotted_names(
    row: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert read_further(row) == expected


def test_a_null_where_other_rows_have_an_object_is_no_column_of_its_own() -> None:
    films = [{"title": "Up"}, None, {"title": "Ida"}]
    reviews = [{"text": f"Film {number}.", "movie": film} for number, film in enumerate(films)]
    (rows,) = read(json.dumps(reviews).encode())
    assert rows.known["movie_id"].to_pylist() == ["Up", None, "Ida"]


def test_a_row_whose_names_would_grow_without_bound_is_set_aside_in_little_memory() -> None:
    inner = "{" + ",".join(f'"{number}":1' for number in range(9000)) + "}"
    row = '{"text":"A film.","a":' + f'{{"{"k" * 110}":' * 60 + inner + "}" * 61
    tracemalloc.start()
    try:
        (rows,) = read(f'[{row},{{"text": "B."}}]'.encode())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert {place: each.rule for place, each in rows.defects.items()} == {0: "row_shape"}
    assert peak < 50 << 20


@pytest.mark.parametrize("space", ["", " ", "\n\t"])
def test_a_key_that_is_repeated_with_another_value_is_found_whatever_is_before_its_colon(space: str) -> None:
    (rows,) = read(f'[{{"text": "A.", "text"{space}: "B."}}, {{"text": "C."}}]'.encode())
    assert {place: each.rule for place, each in rows.defects.items()} == {0: "row_shape"}


def test_a_number_too_large_for_a_float_is_null() -> None:
    (rows,) = read(b'[{"text": "A film.", "n": 1e999}]')
    assert list_further(rows) == [{"n": None}]


NAMES = st.text(st.characters(codec="utf-8"), max_size=6).filter(lambda name: name == name.strip())
LEAVES = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(-1e300, 1e300)
VALUES = st.recursive(
    LEAVES | st.text(st.characters(codec="utf-8"), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(st.dictionaries(NAMES.map("x{}y".format), VALUES, max_size=4), min_size=1, max_size=5)


@pytest.mark.slow
@given(ROWS, st.booleans(), st.integers(1, 40))
@example([{"x": "\U0001f3ac \\ud83d \\\\"}], True, 1)
@settings(deadline=None)
def test_any_objects_are_read_back(rows: list[dict[str, Any]], ascii_only: bool, size: int) -> None:
    document = json.dumps(
        {"n": -1234.5e-6, "a": {"data": [{"text": "A film.", **row} for row in rows]}},
        ensure_ascii=ascii_only,
    )
    found = [row for batch in read(document.encode(), size) for row in list_further(batch)]
    assert found == [
        {key: value for key, value in flatten_object(row).items() if value not in (None, "")} for row in rows
    ]


def test_a_file_of_utf_16_is_read() -> None:
    assert read_texts(json.dumps(GOOD).encode("utf-16")) == TEXTS

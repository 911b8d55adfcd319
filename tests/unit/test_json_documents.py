"""Tests that JSON arrays and nested JSON are read as rows, whatever lies around them."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_contracts.errors import FileRefusedError
from tasks.review_files.objects.half_surrogates import decode_half_pairs
from tasks.review_files.objects.object_rows import flatten_object
from tasks.review_files.plans.reading_plan import ReadingPlan
from tests.support.json_reading import read, read_texts
from tests.support.review_file_builders import encode_json, encode_jsonl, list_further

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
        {"@type": "Product", "name": "A lamp", "review": GOOD},
    ],
    ids=["array", "object", "nested", "beside other lists", "by the name of a text"],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_the_one_array_of_objects_has_the_rows(document: Any, indent: int | None) -> None:
    assert read_texts(json.dumps(document, indent=indent).encode()) == TEXTS


def test_reviews_inside_of_rows_are_set_aside_with_the_next_step() -> None:
    (rows,) = read(json.dumps([{"name": "A lamp", "review": GOOD}]).encode())
    assert rows.defects[0].detail == "a list, not a text: if it has the reviews, write each of them as a row"


def test_the_array_can_be_named() -> None:
    document = {"users": [{"name": "Ann"}], "data": {"reviews": GOOD}}
    assert read_texts(document, json_path="data.reviews") == TEXTS


def test_an_array_in_the_rows_is_a_value_of_theirs() -> None:
    rows = [{"text": "A film.", "replies": [{"text": "No."}]}]
    assert read_texts({"reviews": rows}) == ["A film."]


RATED = [{"text": "A good film.", "rating": 8}, {"text": "A bad film.", "rating": 2}]
FIELDS = [{"name": "text", "type": "string"}, {"name": "rating", "type": "integer"}]
LONG = [{"opinion": "A film that I would see again."}]


@pytest.mark.parametrize(
    "document",
    [
        {"schema": {"fields": FIELDS}, "data": RATED},
        {"data": {"reviews": RATED}, "users": [{"name": "Ann", "home": {"city": "Bonn"}}]},
        {"a": FIELDS, "b": FIELDS, "reviews": [{"text": None, "rating": 3}, *RATED], "c": FIELDS},
        {"reviews": RATED, "users": [{"userId": "tt01-a", "joined": "2024-06-12 10:30:00", "likes": 3}]},
        {"reviews": RATED, "links": [{"href": "https://x.org/a?b=c", "to": "ann@x.org", "next": None}]},
        {
            "reviews": RATED,
            "items": [{"genres": ["drama", "war"], "description": " ", "extra": {}}, 3, None, ""],
        },
    ],
    ids=["below a description", "above another array", "between several", "of ids", "of links", "of lists"],
)
def test_arrays_without_texts_beside_that_of_the_reviews_are_passed_over(document: Any) -> None:
    assert [text for text in read_texts(document) if text] == TEXTS


@pytest.mark.parametrize(
    ("others", "rows"),
    [
        ({"opinions": LONG}, {"reviews": RATED}),
        ({"reviews": RATED}, {"opinions": LONG}),
        ({"errors": [{"message": "Gone."}]}, {"reviews": RATED}),
        ({"people": FIELDS}, {"reviews": [{"text": "Good."}]}),
        ({"products": [{"name": "A lamp", "seen": [{"by": "Ann"}]}]}, {"reviews": RATED}),
        ({"reviews": RATED}, {"more": RATED}),
    ],
)
def test_a_document_is_refused_if_another_array_may_have_reviews_too(others: Any, rows: Any) -> None:
    with pytest.raises(FileRefusedError, match="are arrays of objects") as caught:
        read_texts({**others, "data": rows})
    assert caught.value.rule == "json_broken"


@pytest.mark.parametrize("start", [[None], ["note"], [None, "note", 3, True]])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("outer", [{}, {"page": 1, "tags": ["a", "b"], "counts": [[1], [2]]}])
def test_values_before_the_first_review_of_an_array_are_set_aside(
    start: list[Any], indent: int | None, outer: dict[str, Any]
) -> None:
    (rows,) = read(json.dumps({**outer, "data": {"reviews": [*start, *RATED]}}, indent=indent).encode())
    assert [defect.rule for defect in rows.defects.values()] == ["row_shape"] * len(start)
    assert [defect.raw for defect in rows.defects.values()] == [
        each.encode() if isinstance(each, str) else json.dumps(each).encode() for each in start
    ]
    assert rows.known["text"].to_pylist() == [None] * len(start) + TEXTS


@pytest.mark.parametrize("pages", [{"first": [None, *RATED]}, {"first": ["note", *RATED]}])
def test_an_array_that_begins_with_no_object_is_not_passed_over_beside_another(pages: Any) -> None:
    for document in ({**pages, "second": RATED}, {"second": RATED, **pages}):
        with pytest.raises(FileRefusedError, match="are arrays of objects: name one"):
            read_texts(document)


@pytest.mark.parametrize(
    ("document", "program"),
    [
        ({"pages": [RATED[:1], RATED[1:]]}, ".pages | flatten[] | objects"),
        ({"reviews": RATED, "data": {"pages": [[[RATED]], RATED]}}, ".data.pages | flatten[] | objects"),
        ({"reviews": RATED, "pages": [None, RATED]}, ".pages | flatten[] | objects"),
        ({"reviews": ["x"] * 2000 + RATED, "more": RATED}, ".reviews | flatten[] | objects"),
        ({"reviews": ["x" * 10**6] * 5 + RATED, "more": RATED}, ".reviews | flatten[] | objects"),
        ([RATED[:1], RATED[1:]], ". | flatten[] | objects"),
        (["page", RATED], ". | flatten[] | objects"),
        ({"all pages": [RATED]}, None),
    ],
)
def test_objects_in_lists_are_refused_with_the_step(document: Any, program: str | None) -> None:
    step = "write them as lines" if program is None else f"jq -c '{program}' writes them as lines"
    with pytest.raises(FileRefusedError, match=re.escape(step)):
        read_texts(document)


@pytest.mark.parametrize(
    "other",
    [
        {"area": {"polygon": [[{"lat": 1.5, "lng": 2.5}]]}},
        {"pairs": [["a", {"b": 1}]]},
        {"log": [*["a line of it"] * 2000, {"end": 1}]},
    ],
    ids=["of places", "of pairs", "after many texts"],
)
def test_objects_in_lists_that_have_no_text_are_passed_over_beside_the_reviews(other: Any) -> None:
    for document in ({**other, "reviews": RATED}, {"reviews": RATED, **other}):
        assert read_texts(document) == TEXTS
    with pytest.raises(FileRefusedError, match="objects inside of lists, or after many"):
        read_texts({**other, "reviews": []})


@pytest.mark.parametrize("outer", [lambda rows: {"reviews": rows}, lambda rows: rows])
def test_a_list_after_the_first_review_is_set_aside(outer: Callable[[Any], Any]) -> None:
    (rows,) = read(json.dumps(outer([*RATED, [RATED[0]]])).encode())
    assert rows.known["text"].to_pylist() == [*TEXTS, None]
    assert {place: defect.rule for place, defect in rows.defects.items()} == {len(RATED): "row_shape"}


@pytest.mark.parametrize("number", [1, 3000])
def test_an_array_of_texts_is_refused_with_the_step(number: int) -> None:
    with pytest.raises(FileRefusedError) as caught:
        read_texts({"tags": ["a"], "data": {"reviews": [None, *["A good film."] * number]}})
    assert "'.data.reviews[]'" in caught.value.detail
    assert "jq -c '.data.reviews[] | {text: .}' writes them as lines" in caught.value.detail
    assert read_texts({"reviews": RATED, "films": ["Some Like It Hot"]}) == TEXTS


OTHERS: st.SearchStrategy[Any] = st.none() | st.integers(0, 9) | st.text("ab ", max_size=3)
OBJECTS: st.SearchStrategy[Any] = st.integers(1, 9).map(lambda number: {"text": "A.", "n": number})


@given(st.lists(OTHERS), st.lists(OTHERS | OBJECTS), st.booleans())
@settings(deadline=None)
def test_no_element_of_an_array_vanishes(start: list[Any], rest: list[Any], is_outer: bool) -> None:
    elements = [*start, {"text": "A.", "n": 0}, *rest]
    document = {"data": elements} if is_outer else elements
    batches = read(json.dumps(document, indent=1).encode())
    assert sum(len(rows.row_numbers) for rows in batches) == len(elements)
    texts = [text for rows in batches for text in rows.known["text"].to_pylist()]
    assert texts == ["A." if isinstance(each, dict) else None for each in elements]


@pytest.mark.parametrize(
    "other",
    [
        [{"opinion": "Loved it"}, {"opinion": "Awful acting throughout"}],
        [{"opinion": "Loved"}],
        [{"内容": "很好看的电影我非常喜欢"}],
        [{"name": "很好看"}],
        [{"评论": "Good"}],
        [{"x": "Good"}],
        [{"x": "Loved it"}],
        [{"x": "Great!"}],
        [{"x": ["Loved it"]}],
        [{"x": {"y": "Loved it"}}],
        [{"id": 1}, "I would see it again."],
        [{"id": 1}, ["Good"]],
        [{"What did you like most of all?": "Nothing1"}],
    ],
    ids=str,
)
@pytest.mark.parametrize("is_before", [True, False])
def test_a_document_is_refused_if_another_array_may_have_short_or_unspaced_texts(
    other: Any, is_before: bool
) -> None:
    arrays = [("other", other), ("reviews", RATED)]
    with pytest.raises(FileRefusedError, match=r"FILE --json-path reviews") as caught:
        read_texts(dict(arrays if is_before else reversed(arrays)))
    assert caught.value.rule == "json_broken"


@pytest.mark.parametrize(
    "document",
    [
        {"filters": FIELDS, "data": {"reviews": [{"text": "Good."}]}},
        {"opinions": LONG, "data": {"reviews": RATED}},
        {"schema": {"fields": FIELDS}, "data": {"reviews": [{"x": "Good."}]}},
    ],
)
def test_the_array_that_has_reviews_is_proposed_as_the_one_to_name(document: Any) -> None:
    with pytest.raises(FileRefusedError, match=r"FILE --json-path data\.reviews\."):
        read_texts(document)


def test_rows_before_the_first_with_a_text_are_kept() -> None:
    document = {"fields": FIELDS, "rows": [{"name": "A lamp"}, {"name": "A rug"}, *RATED]}
    (rows,) = read(json.dumps(document, indent=1).encode())
    assert rows.known["text"].to_pylist() == [None, None, *TEXTS]


def test_an_array_with_a_batch_without_reviews_is_the_one_with_the_rows() -> None:
    with pytest.raises(FileRefusedError, match="none of the columns 'name', 'type' is the text"):
        read_texts({"fields": FIELDS * 5, "rows": RATED}, batch_rows=10)
    with pytest.raises(FileRefusedError, match=r"both '\.a\[\]' and '\.b\[\]'"):
        read_texts({"a": FIELDS, "b": FIELDS * 5, "rows": RATED}, batch_rows=10)


MANY = [{"id": number} for number in range(4000)]


@pytest.mark.parametrize("is_before", [True, False])
def test_ten_thousand_elements_beside_the_reviews_are_passed_over(is_before: bool) -> None:
    others = {"a": MANY, "b": MANY, "c": MANY[:2000]}
    document = {**others, "reviews": RATED} if is_before else {"reviews": RATED, **others}
    assert read_texts(document) == TEXTS


@pytest.mark.parametrize(
    "document",
    [
        {"a": MANY, "b": MANY, "c": MANY[:2001], "reviews": RATED},
        {"a": MANY, "b": MANY, "reviews": RATED, "c": MANY[:2001]},
        {"reviews": RATED, "c": [{"id": 1}] * 10_001},
        {"reviews": RATED, "c": [{"id": "7" * 300_000}] * 8},
        {"c": [{"id": "7" * 300_000}] * 8, "reviews": RATED},
    ],
    ids=["above", "around", "below", "in bytes below", "in bytes above"],
)
def test_a_document_with_much_beside_the_reviews_is_refused_with_the_array_to_name(document: Any) -> None:
    with pytest.raises(FileRefusedError, match="FILE --json-path reviews") as caught:
        read_texts(document)
    assert caught.value.rule == "json_broken"


def test_arrays_of_very_many_elements_above_the_reviews_are_refused_before_they_are_read() -> None:
    data = json.dumps({**{f"a{number}": MANY for number in range(9)}, "reviews": RATED}).encode()
    with pytest.raises(FileRefusedError, match=r"both '\.a0\[\]' and '\.a3\[\]' are arrays of objects"):
        read(data)


@pytest.mark.parametrize(
    "document",
    [
        {"a.b": RATED, "a": {"b": RATED}},
        {"a": {"b": RATED}, "a.b": RATED},
        {"a.b": FIELDS, "other": FIELDS, "a": {"b": RATED}},
        {"reviews": RATED, "a.b": FIELDS, "a": {"b": FIELDS}},
        {"": RATED, "a": 1, "b": {"": {"": FIELDS}, ".": FIELDS}},
        {"": {"a": RATED}, "a": RATED},
    ],
)
def test_a_document_with_two_arrays_of_objects_at_one_path_is_refused(document: Any) -> None:
    with pytest.raises(FileRefusedError, match="two arrays have the path") as caught:
        read_texts(document)
    assert caught.value.rule == "json_broken"


def test_the_array_that_is_named_is_refused_if_another_has_the_same_path() -> None:
    with pytest.raises(FileRefusedError, match=r"two arrays have the path '\.a\.b\[\]'"):
        read_texts({"a.b": ["x"], "a": {"b": RATED}, "rest": 1}, json_path="a.b")


def test_an_empty_array_at_the_path_of_another_is_no_second_one() -> None:
    assert read_texts({"a.b": [], "a": {"b": RATED}}) == TEXTS


def test_a_document_of_very_many_arrays_is_refused() -> None:
    with pytest.raises(FileRefusedError, match="are arrays of objects"):
        read_texts({**{f"a{number}": FIELDS for number in range(200)}, "rows": RATED})


@pytest.mark.parametrize(
    ("document", "program"),
    [
        ({"Dr. No": GOOD, "Heat": GOOD}, "'to_entries[] | (.value | arrays[]) + {movie: .key}'"),
        (
            {"data": {"Dr. No": GOOD, "Heat": GOOD}},
            "'.data | to_entries[] | (.value | arrays[]) + {movie: .key}'",
        ),
        ({"An A": [{**GOOD[0], "movie": "x"}], "A B": [{**GOOD[1], "movie": "y"}]}, "'.[] | arrays[]'"),
        ({"data": {"old": RATED, "new": RATED}}, "FILE --json-path data.old; or jq -c '"),
    ],
    ids=["by movie", "by movie inside", "with the movie in the rows", "names that are no titles"],
)
def test_arrays_side_by_side_say_how_to_join_them(document: Any, program: str) -> None:
    with pytest.raises(FileRefusedError) as caught:
        read_texts(document)
    assert program in caught.value.detail
    assert ("--json-path" in caught.value.detail) == ("--json-path" in program)


@pytest.mark.parametrize(
    "document", [{"a": {"reviews": GOOD}, "b": {"reviews": GOOD}}, {"a b": {"x": GOOD, "y": GOOD}}]
)
def test_arrays_that_jq_would_not_join_are_not_said_to_be_joined(document: Any) -> None:
    with pytest.raises(FileRefusedError) as caught:
        read_texts(document)
    assert "jq" not in caught.value.detail


def test_a_fault_names_the_objects_before_it_though_none_has_a_text() -> None:
    with pytest.raises(FileRefusedError, match="not JSON after 2 objects"):
        read(b'{"rows": [{"x": 1},\n{"x": 2},\n{"x": ]}')


@pytest.mark.parametrize("document", [[], {"reviews": []}, {"data": {"reviews": [], "page": 1}}])
def test_an_empty_array_has_no_rows(document: Any) -> None:
    assert read_texts(document) == []


@pytest.mark.parametrize(
    "data",
    [
        encode_jsonl(GOOD),
        b"\n" + encode_jsonl(GOOD).replace(b"\n", b"\r\n\r\n"),
        encode_jsonl([{**row, "replies": [{"by": "Ann"}]} for row in GOOD]),
    ],
)
def test_lines_of_objects_are_read_as_lines(data: bytes) -> None:
    assert read_texts(data) == TEXTS


def test_one_line_with_a_text_is_a_row_whatever_lists_it_has() -> None:
    assert read_texts(b'{"text": "A film.", "replies": [{"by": "Ann"}]}') == ["A film."]


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "ok", "message": "All is well.", "results": GOOD},
        {"success": True, "message": None, "data": {"total": 2, "reviews": GOOD}},
        {"product": "Dune", "content": "A desert planet", "reviews": GOOD},
    ],
)
def test_the_reviews_of_an_answer_on_one_line_are_read_whatever_it_says_itself(answer: Any) -> None:
    assert read_texts(json.dumps(answer).encode()) == TEXTS


def test_an_answer_without_reviews_has_no_rows() -> None:
    assert read_texts(json.dumps({"success": True, "message": "There are none", "data": []}).encode()) == []


@pytest.mark.parametrize(
    "review",
    [
        {"comment": "A film.", "rating": 4, "answered": [{"text": "So it is."}]},
        {"text": "A film.", "answered": [{"text": "So it is."}]},
        {"id": "x", "content": "A film.", "replies": [{"content": "So it is."}]},
        {"comment": "A film.", "review_id": "4", "seen": [{"text": "So it is."}]},
        {"message": "A film.", "tags": []},
        {"message": "A film.", "rating": 4, "status": "failed"},
        {"message": "A film.", "status": "approved"},
        {"text": "A film.", "status": 500, "message": None},
    ],
)
def test_a_review_on_one_line_stays_one_whatever_was_replied(review: dict[str, Any]) -> None:
    assert read_texts(json.dumps(review).encode()) == ["A film."]


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 429, "message": "Too many requests"},
        {"error": "gone", "message": "Log in again"},
        {"status": "failed", "message": "Too many requests"},
        {"success": False, "message": "Log in again"},
    ],
)
def test_a_servers_answer_that_something_failed_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(FileRefusedError, match="a server's answer that something failed") as caught:
        read_texts(json.dumps(answer).encode())
    assert caught.value.rule == "json_broken"


@pytest.mark.parametrize("comment", ["// exported", "# exported\n# today", "/* exported\n   today */"])
@pytest.mark.parametrize("document", [GOOD, {"reviews": GOOD}])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_comment_above_a_document_is_named_in_its_refusal(
    comment: str, document: Any, indent: int | None
) -> None:
    first = comment.partition("\n")[0]
    with pytest.raises(FileRefusedError, match=f"no comments, such as '{re.escape(first)}' above") as caught:
        read_texts(f"{comment}\n{json.dumps(document, indent=indent)}".encode())
    assert caught.value.rule == "json_broken"


def test_a_comment_above_lines_of_objects_is_set_aside_alone() -> None:
    (rows,) = read(b"# exported\n" + encode_jsonl(GOOD))
    assert rows.known["text"].to_pylist() == [None, *TEXTS]


@pytest.mark.parametrize(
    "answer", [{"error": "gone", "message": "Log in"}, {"code": 503, "message": "Too many"}]
)
def test_a_servers_failure_among_lines_of_reviews_is_set_aside(answer: dict[str, Any]) -> None:
    (rows,) = read("\n".join(map(json.dumps, [*GOOD, answer])).encode())
    assert rows.known["text"].to_pylist() == [*TEXTS, None]
    assert [defect.rule for defect in rows.defects.values()] == ["row_shape"]


def test_a_servers_failures_after_many_reviews_are_set_aside_in_a_batch_of_their_own() -> None:
    lines = [*GOOD, {"message": "Too many", "code": 429}, {"message": "Too many", "code": 429}]
    first, second = read("\n".join(map(json.dumps, lines)).encode(), batch_rows=2)
    assert (first.defects, second.known["text"].to_pylist()) == ({}, [None, None])


def test_messages_of_which_some_failed_are_reviews_if_all_texts_are_messages() -> None:
    lines = [{"message": "Good.", "status": "ok"}, {"message": "Bad.", "status": "failed"}]
    assert read_texts("\n".join(map(json.dumps, lines)).encode()) == ["Good.", "Bad."]


@pytest.mark.parametrize("texts", [{"0": "Good.", "1": "Bad."}, ["Good.", "Bad."]])
def test_a_table_written_by_columns_says_how_to_write_it(texts: Any) -> None:
    (rows,) = read(json.dumps({"text": texts}).encode())
    [defect] = rows.defects.values()
    assert (defect.rule, "orient='records'" in defect.detail) == ("text_type", True)


def test_a_line_of_many_that_is_not_json_is_set_aside_alone() -> None:
    (rows,) = read(b'{"text": "A film."\n{"text": "B."}\n'.replace(b'm."', b'm." x'))
    assert rows.known["text"].to_pylist() == [None, "B."]


def test_one_line_of_objects_too_deep_in_each_other_is_set_aside() -> None:
    data = b'{"a": ' * 200 + b"1" + b"}" * 200
    (rows,) = read(data)
    assert [defect.rule for defect in rows.defects.values()] == ["row_shape"]


# What the rows are


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"user": {"name": "Ann", "home": {"city": "Bonn"}}}, {"user.name": "Ann", "user.home.city": "Bonn"}),
        ({"tags": ["a", {"b": 1}]}, {"tags": ["a", {"b": 1}]}),
        ({"user": {}, "n": None}, {"user": {}}),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b": 1, "a.b_2": 2}),
        (
            {"n": 12345678901234567890123, "x": 0.1, "b": True},
            {"n": 12345678901234567890123, "x": 0.1, "b": True},
        ),
    ],
)
def test_nested_objects_become_columns_with_dotted_names(
    row: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert read_further(row) == expected


@pytest.mark.parametrize(
    "date",
    [
        {"$date": "2024-06-12T00:00:00Z"},
        {"$date": {"$numberLong": "1718150400000"}},
        {"$date": 1718150400000},
    ],
    ids=str,
)
def test_what_mongo_db_writes_with_its_type_is_read_as_in_lines(date: Any) -> None:
    row = {"text": "A film.", "movie_id": {"$oid": "65e0"}, "rating": {"$numberInt": "4"}, "date": date}
    (lines,), (array,) = read(encode_jsonl([row, row])), read(json.dumps([row, row], indent=1).encode())
    assert array.known == lines.known
    assert set(array.known) == {"text", "movie_id", "given_rating", "reviewed_at"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"$oid": "65e0"}, {"n": "65e0"}),
        ({"$timestamp": {"t": 1, "i": 2}}, {"n.$timestamp.t": 1, "n.$timestamp.i": 2}),
        ({"$date": "2024-06-12", "zone": "UTC"}, {"n.$date": "2024-06-12", "n.zone": "UTC"}),
        ({"$name": "a"}, {"n.$name": "a"}),
    ],
    ids=str,
)
def test_only_the_types_of_mongo_db_that_have_one_value_are_dropped(value: Any, expected: Any) -> None:
    assert read_further({"n": value}) == expected


def test_a_profile_may_name_a_column_by_the_type_of_mongo_db_too() -> None:
    data = json.dumps([{"text": "A film.", "seen": {"$date": "2024-06-12"}}]).encode()
    (rows,) = read(data, plan=ReadingPlan(("text",), reviewed_at="seen.$date", known_names=False))
    assert rows.known["reviewed_at"].to_pylist() == ["2024-06-12"]


def test_a_number_too_large_for_a_float_is_null() -> None:
    (rows,) = read(b'[{"text": "A film.", "n": 1e999}]')
    assert list_further(rows) == [{}]


def test_a_nested_text_can_be_named() -> None:
    assert read_texts([{"review": {"body": "A film."}}], text_column="review.body") == ["A film."]


def test_rows_are_numbered_on_from_batch_to_batch() -> None:
    batches = read(encode_json(GOOD * 50), batch_rows=30)
    assert [len(rows.row_numbers) for rows in batches] == [30, 30, 30, 10]
    assert [n for rows in batches for n in rows.row_numbers.to_pylist()] == list(range(1, 101))


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
    document = json.dumps({"a": {"b": [{"text": "A film.", **row} for row in rows]}}, ensure_ascii=ascii_only)
    found = [row for batch in read(document.encode(), size) for row in list_further(batch)]
    assert found == [
        {key: value for key, value in flatten_object(row).items() if value not in (None, "")} for row in rows
    ]


@given(
    st.lists(st.sampled_from(["\\\\", "\\n", "\\ud83d", "\\uDE00", "\\u00e9", "u", "ab"])), st.integers(1, 20)
)
def test_half_pairs_are_found_however_much_is_read_at_a_time(pieces: list[str], size: int) -> None:
    data = "".join(pieces).encode()
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    found = b"".join(decode_half_pairs(chunks))
    expected = json.loads(f'"{"".join(pieces)}"')
    decoded = json.loads(f'"{found.decode("utf-8", "surrogatepass")}"')
    assert decoded == expected


def test_a_file_of_utf_16_is_read() -> None:
    assert read_texts(json.dumps(GOOD).encode("utf-16")) == TEXTS

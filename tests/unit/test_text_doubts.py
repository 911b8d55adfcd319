"""Tests that another column which may have the reviews is said, and that columns beside a review are not."""

import json

import pyarrow as pa
import pytest

from tasks.review_files.inference.text_doubts import ROWS_COMPARED, find_other_texts
from tasks.scoring.chunk_checks import note_first_rows
from tasks.scoring.file_outcomes import Tally

SENTENCE = "I liked this film a great deal, and so did my sister."


def find(text: str | None, **others: object) -> list[str]:
    """Return what is found in six rows of these columns."""
    return find_other_texts([(text, json.dumps(others))] * 6)


@pytest.mark.parametrize("text", ["Called back on Monday", "ok", "https://shop.example/1", None])
def test_a_column_of_sentences_beside_shorter_texts_is_named(text: str | None) -> None:
    assert find(text, testimonial=SENTENCE, country="Peru") == ["testimonial"]


def test_the_parts_of_a_review_in_several_columns_are_named() -> None:
    assert find("All in all a good film for a rainy day", pros=SENTENCE, cons=SENTENCE) == ["pros", "cons"]


@pytest.mark.parametrize(
    "name", ["shop reply", "Developer Response", "description", "product_title", "clean_text"]
)
def test_sentences_that_are_no_reviews_by_their_name_are_not_named(name: str) -> None:
    assert find(SENTENCE, **{name: SENTENCE}) == []


@pytest.mark.parametrize(
    "value", ["A fine title of few words", "2026-11-20 10:00 12 13 14 15", 5, None, ["a b c d e f"]]
)
def test_titles_numbers_and_lists_are_not_named(value: object) -> None:
    assert find(SENTENCE, other=value) == []


def test_lists_of_objects_with_sentences_are_named() -> None:
    assert find("A film about a journey", reviews=[{"by": "Ann", "words": SENTENCE}]) == ["reviews"]
    assert find("A film about a journey", replies=[{"words": SENTENCE}], tags=["a", SENTENCE], empty=[]) == []


def test_a_column_that_few_rows_fill_is_not_named() -> None:
    rows = [
        (SENTENCE, json.dumps({"note to us": f"{SENTENCE} {SENTENCE} {SENTENCE}"})),
        *[(SENTENCE, None)] * 5,
    ]
    assert find_other_texts(rows) == []


def test_too_few_rows_say_nothing() -> None:
    assert find_other_texts([("ok", json.dumps({"testimonial": SENTENCE}))] * 4) == []


def test_the_first_rows_of_each_file_are_noted_over_several_chunks() -> None:
    tally, files = Tally(), ["a"] * 8 + ["b"] * 3
    for start in (0, 11, 22):
        texts = [f"{name}{start + place}" for place, name in enumerate(files)]
        note_first_rows(pa.table({"source_sha256": files, "text": texts, "extra": ["{}"] * 11}), tally)
    assert [len(tally.first_rows[name]) for name in "ab"] == [ROWS_COMPARED, 9]
    assert [text for text, _ in tally.first_rows["a"]][7:9] == ["a7", "a11"]

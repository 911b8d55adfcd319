"""Text to ids: the rules of the design, word by word."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text import SEPARATORS, build_vocabulary, encode_reviews, find_worded, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's GOOD", ["it's", "good"]),
        ("one<br /><br />two", ["one", "two"]),
        ("one<BR>two<br/>three", ["one", "two", "three"]),
        ("a\tb\nc\r\nd", ["a", "b", "c", "d"]),
        ("well-made, (very) [so] `good`_!", ["well", "made", "very", "so", "good"]),
        ("Ärger & Söhne", ["ärger", "söhne"]),
        ("", []),
        ("...", []),
    ],
)
def test_words_are_what_the_separators_leave(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@given(st.text())
def test_no_word_holds_a_separator_or_a_space(text: str) -> None:
    assert not [word for word in split_words(text) if set(word) & {*SEPARATORS, " "} or not word]


@given(st.lists(st.text(), min_size=1))
def test_worded_agrees_with_the_words(texts: list[str]) -> None:
    worded = find_worded(pa.array(texts, pa.string())).to_pylist()
    assert worded == [bool(split_words(text)) for text in texts]


def test_words_are_ranked_by_frequency_then_alphabet() -> None:
    vocabulary = build_vocabulary(["pear apple fig", "fig apple", "zoo fig"])
    assert vocabulary.words == ("fig", "apple", "pear", "zoo")


def test_a_vocabulary_of_n_ids_holds_n_minus_1_words() -> None:
    assert build_vocabulary(["a a a b b c"], size=3).words == ("a", "b")


def test_short_reviews_are_padded_in_front_and_unknown_words_are_0() -> None:
    encoded = encode_reviews(["b what a"], {"a": 1, "b": 2}, length=5)
    assert encoded.ids.tolist() == [[0, 0, 2, 0, 1]]
    assert encoded.oov_rate.tolist() == pytest.approx([1 / 3])


def test_of_long_reviews_the_last_words_are_kept() -> None:
    encoded = encode_reviews(["a b c d"], {"a": 1, "b": 2, "c": 3, "d": 4}, length=3)
    assert encoded.ids.tolist() == [[2, 3, 4]]
    assert encoded.truncated.tolist() == [True]
    assert encoded.token_count.tolist() == [4]


def test_a_review_without_words_is_all_padding_and_wholly_unknown() -> None:
    encoded = encode_reviews(["!!!"], {"a": 1}, length=3)
    assert encoded.ids.tolist() == [[0, 0, 0]]
    assert (encoded.oov_rate.tolist(), encoded.token_count.tolist()) == ([1.0], [0])


@given(st.lists(st.text(alphabet="ab .", max_size=30), max_size=8), st.integers(1, 10))
def test_each_review_is_encoded_on_its_own(texts: list[str], length: int) -> None:
    together = encode_reviews(texts, {"a": 1, "b": 2}, length).ids
    alone = [encode_reviews([text], {"a": 1, "b": 2}, length).ids[0] for text in texts]
    assert together.tolist() == [row.tolist() for row in alone]
    assert together.dtype == np.int32

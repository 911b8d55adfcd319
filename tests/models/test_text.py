"""Tests of the tokenizer: texts to ids by the rules of the design."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tokenizer import (
    SEPARATORS,
    EncodedReviews,
    build_vocabulary,
    encode_few_reviews,
    encode_reviews,
    locate_words,
    mark_texts_with_words,
    split_words,
)


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


@settings(deadline=None)  # the first call of an Arrow function is slow
@given(st.lists(st.text(), min_size=1))
def test_worded_agrees_with_the_words(texts: list[str]) -> None:
    worded = mark_texts_with_words(pa.array(texts, pa.string())).to_pylist()
    assert worded == [bool(split_words(text)) for text in texts]


def test_a_vocabulary_of_n_ids_holds_n_minus_1_words() -> None:
    assert build_vocabulary(["a a a b b c"], size=3).words == ("a", "b")


def test_words_of_one_frequency_are_ranked_in_alphabetical_order() -> None:
    assert build_vocabulary(["b c a c", "a b d d d"]).words == ("d", "a", "b", "c")


def test_short_reviews_are_padded_in_front_and_unknown_words_are_0() -> None:
    encoded = encode_reviews(["b what a"], {"a": 1, "b": 2}, length=5)
    assert encoded.pad().tolist() == [[0, 0, 2, 0, 1]]
    assert encoded.oov_rate.tolist() == pytest.approx([1 / 3])


@settings(deadline=None)  # the first call of an Arrow function is slow
@given(st.lists(st.text(alphabet="ab .", max_size=30), max_size=8), st.integers(1, 10))
def test_each_review_is_encoded_on_its_own(texts: list[str], length: int) -> None:
    together = encode_reviews(texts, {"a": 1, "b": 2}, length).pad()
    alone = [encode_reviews([text], {"a": 1, "b": 2}, length).pad()[0] for text in texts]
    assert together.tolist() == [row.tolist() for row in alone]
    assert together.dtype == np.int32


def encode_one_by_one(
    texts: list[str], word_ids: dict[str, int], length: int
) -> tuple[list[list[int]], list[int], list[int]]:
    """Encode word by word in plain Python; return padded ids, words and unknown words of each text."""
    reviews = [[word_ids.get(word, 0) for word in split_words(text)] for text in texts]
    padded = [([0] * length + review)[-length:] for review in reviews]
    return padded, [len(review) for review in reviews], [review.count(0) for review in reviews]


HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.characters(codec=None),  # lone surrogates too
        st.sampled_from(
            ["<br />", "<BR", "/>", "<b", "r>", "\x00", "\u00ff", "İ", "Σ", "ΑΣ", "ΑΣ\u0301", "ß", "Ǆ"]
        ),
        st.sampled_from(
            [*"ab .!<>", "\u00a0", "\u2028", "\x1c", "\x85", "\r\n", "\ufeff", "\U0001f600", "ſ", "K"]
        ),
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize("encode", [encode_reviews, encode_few_reviews])
@settings(deadline=None)  # the first call of an Arrow function is slow
@given(texts=st.lists(HOSTILE, max_size=6), length=st.integers(1, 6))
def test_ids_of_hostile_text_are_those_of_its_words_one_by_one(
    encode: Callable[..., EncodedReviews], texts: list[str], length: int
) -> None:
    words = sorted({word for text in texts for word in split_words(text)})
    word_ids = {word: position for position, word in enumerate(words[::2], start=1)}
    padded, words_in, unknown_in = encode_one_by_one(texts, word_ids, length)
    encoded = encode(texts, word_ids, length)
    rates = [unknown / count if count else 1.0 for count, unknown in zip(words_in, unknown_in, strict=True)]
    assert encoded.pad().tolist() == padded
    assert encoded.token_count.tolist() == words_in
    assert encoded.oov_rate.tolist() == np.array(rates, np.float32).tolist()
    assert encoded.truncated.tolist() == [count > length for count in words_in]


@given(st.one_of(HOSTILE, st.text(alphabet="aİΣ<br/> .\n")))
def test_located_words_are_the_words_where_they_stand(text: str) -> None:
    located = locate_words(text)
    assert [each.word for each in located] == split_words(text)
    for each in located:  # of a sigma, what follows the word decides which small one it is
        assert text[each.start : each.stop].lower().replace("ς", "σ") == each.word.replace("ς", "σ")


@given(st.one_of(HOSTILE, st.text(alphabet="aİΣ<br/> .\n")))
def test_between_located_words_there_is_no_word(text: str) -> None:
    located = locate_words(text)
    stops = [0, *(each.stop for each in located)]
    starts = [*(each.start for each in located), len(text)]
    gaps = [text[stop:start] for stop, start in zip(stops, starts, strict=True)]
    assert all(stop <= start for stop, start in zip(stops, starts, strict=True))
    assert not [gap for gap in gaps if split_words(gap)]


def test_words_after_a_letter_that_lowers_to_two_stand_where_they_were_written() -> None:
    located = locate_words("İstanbul<br />by NIGHT")
    assert [(each.word, each.start, each.stop) for each in located] == [
        ("i̇stanbul", 0, 8),
        ("by", 14, 16),
        ("night", 17, 22),
    ]


def test_more_texts_than_are_encoded_at_once_keep_their_order() -> None:
    texts = [f"w{number % 7} " * (number % 5) for number in range(3000)]
    word_ids = {f"w{number}": number for number in range(1, 7)}
    assert encode_reviews(texts, word_ids, 4).pad().tolist() == encode_one_by_one(texts, word_ids, 4)[0]


def test_chosen_reviews_are_padded_in_the_order_asked_for() -> None:
    encoded = encode_reviews(["a", "b a", ""], {"a": 1, "b": 2}, length=3)
    assert encoded.pad(np.array([1, 2])).tolist() == [[0, 2, 1], [0, 0, 0]]

"""Tests of which texts count as near-copies of each other."""

import pyarrow as pa
import pytest

from data_contracts.sources.near_copies import BEGINNING, make_near_keys, mark_first

TEXT = (
    "I bought this speaker last month and it works great with my phone, the sound is clear and setup was easy"
)


def swap(place: int, word: str) -> str:
    """Return the text with another word at a place."""
    words = TEXT.split()
    words[place] = word
    return " ".join(words)


@pytest.mark.parametrize(
    "other",
    [f"{TEXT} 17", f"17: {TEXT.upper()}!!", TEXT.replace(" ", "  "), TEXT.replace("month", "month 3")],
)
def test_texts_that_differ_by_numbers_case_and_punctuation_have_the_same_key(other: str) -> None:
    one, two = make_near_keys(pa.array([TEXT, other])).to_pylist()
    assert one == two


def test_texts_that_differ_by_a_few_words_count_once() -> None:
    texts = [swap(place, word) for place, word in enumerate(["we", "sold", "Bob", "quartz", "x", "y", "z"])]
    assert mark_first(pa.array([TEXT, *texts])).tolist() == [True] + [False] * len(texts)


def test_texts_that_only_share_phrases_all_count() -> None:
    texts = [
        "This is one of the best movies I have ever seen, and the cast is a joy",
        "This is one of the best movies of the year, though the end drags on and on",
        "Is it one of the best movies? Hardly: my cat left the room twice before the end",
        "I love it",
        "I love it so much",
    ]
    assert mark_first(pa.array(texts)).all()
    assert len({*make_near_keys(pa.array(texts)).to_pylist()}) == len(texts)


def test_texts_without_a_word_are_copies_of_nothing() -> None:
    assert make_near_keys(pa.array(["", "10/10", "\u2014"])).null_count == 2
    assert mark_first(pa.array(["10/10", "1/10", "10/10"])).all()


def test_a_text_has_the_same_key_whatever_texts_stand_beside_it() -> None:
    texts = [f"{TEXT} {'x' * number}" for number in range(300)] + [
        "a" * (2 * BEGINNING),
        "\u00e9" * BEGINNING,
    ]
    alone = [make_near_keys(pa.array([text]))[0] for text in texts]
    assert make_near_keys(pa.chunked_array([texts[:7], texts[7:]])).to_pylist() == [
        key.as_py() for key in alone
    ]
    assert len(make_near_keys(pa.array([], pa.string()))) == 0


def test_the_key_of_a_text_stays_what_it_is_since_it_is_stored() -> None:
    assert make_near_keys(pa.array([TEXT, "Great!"])).to_pylist() == [
        6348432997611866132,
        11818813490538223201,
    ]

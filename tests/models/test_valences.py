"""Tests of the mean valence: which words count, and what the words around change."""

import pytest

from models.own_labels.valences import (
    BUT_REACH,
    CONCEDED,
    NEGATED,
    NO_WORDS,
    STRESSED,
    average_valence,
    look_up_words,
)
from models.tokenizer import encode_reviews

WORDS = ("kettle", "good", "awful", "not", "isn't", "no", "very", "slightly", "but", "however", "a")
WORD_IDS = {word: number for number, word in enumerate(WORDS, start=1)}
LEXICON = look_up_words(WORD_IDS)
GOOD, AWFUL = (LEXICON.tables[0][WORD_IDS[word]] for word in ("good", "awful"))


def rate(*texts: str, length: int = 30) -> list[float]:
    return [float(each) for each in average_valence(LEXICON, encode_reviews(texts, WORD_IDS, length))]


def test_the_lexicon_tells_praise_from_blame_and_nothing_of_a_thing() -> None:
    assert GOOD > 1
    assert AWFUL < -1
    assert rate("kettle") == [0]


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("good kettle", GOOD),
        ("good good kettle", 2 * GOOD),
        ("good unseen kettle", GOOD),
        ("not good", NEGATED * GOOD),
        ("isn't a good kettle", NEGATED * GOOD),
        ("no a a good kettle", NEGATED * GOOD),
        ("not a a a good kettle", GOOD),
        ("good not", GOOD),
        ("very good", STRESSED * GOOD),
        ("very a good", STRESSED * GOOD),
        ("very a a good", GOOD),
        ("slightly good", GOOD),
        ("not very good", NEGATED * STRESSED * GOOD),
        ("good but a kettle", CONCEDED * GOOD),
        ("very good however a kettle", CONCEDED * GOOD),
        ("a kettle but good", STRESSED * GOOD),
        ("good but awful", CONCEDED * GOOD + STRESSED * AWFUL),
        ("a but good but a", STRESSED * GOOD),
        ("a but not good", STRESSED * NEGATED * GOOD),
        ("good" + " a" * (BUT_REACH - 1) + " but", CONCEDED * GOOD),
        ("good" + " a" * BUT_REACH + " but", GOOD),
        ("but" + " a" * (BUT_REACH - 1) + " good", STRESSED * GOOD),
        ("but" + " a" * BUT_REACH + " good", GOOD),
    ],
)
def test_words_around_shift_a_valence(text: str, total: float) -> None:
    known = sum(word in WORDS for word in text.split())
    assert rate(text) == pytest.approx([total / known])


def test_words_of_one_text_shift_none_of_another() -> None:
    texts = ["a kettle but", "good", "not", "good", "a", "but a kettle"]
    assert rate(*texts) == pytest.approx([0, GOOD, 0, GOOD, 0, 0])


def test_only_words_that_the_model_reads_count() -> None:
    assert rate("awful kettle very good", length=1) == pytest.approx([GOOD])


def test_ids_beyond_the_lexicon_have_no_valence() -> None:
    encoded = encode_reviews(["good kettle new"], {**WORD_IDS, "new": 900}, 30)
    assert average_valence(LEXICON, encoded) == pytest.approx([GOOD / 3])
    assert average_valence(NO_WORDS, encoded).tolist() == [0]

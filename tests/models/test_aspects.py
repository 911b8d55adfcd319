"""Tests of aspects: which sentence speaks of which, what it says of it, and where it stands."""

import tomllib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.aspects import find, judge, read_sentences
from models.aspects.finding import find_mentions
from models.aspects.lexicon import FOLDER, load_lexicon
from models.aspects.words_in_texts import find_words

SAYINGS = [
    ("The acting was great.", {"acting": "+"}),
    ("Great acting, awful script", {"acting": "+", "script": "-"}),
    ("The music is lovely but the ending is a disappointment.", {"music": "+", "ending": "-"}),
    ("The acting, the story and the music are awful", {"acting": "-", "story": "-", "music": "-"}),
    ("I did not like the ending.", {"ending": "-"}),
    ("It wasn’t a bad script", {"script": "+"}),
    ("There is no suspense in it", {"suspense": "-"}),
    ("The score is by a composer from Lisbon", {"music": "0"}),
    ("A story full of plot holes", {"story": "-"}),
    ("In the end we went home", {}),
    ("That sounds like a good idea", {}),
    ("", {}),
]


@pytest.mark.parametrize(("text", "says"), SAYINGS)
def test_what_a_sentence_says_of_aspects(text: str, says: dict[str, str]) -> None:
    assert find([text]) == [says]


def test_texts_are_found_alike_together_and_alone() -> None:
    texts = [text for text, _ in SAYINGS] * 100
    assert find(texts) == [says for _, says in SAYINGS] * 100


def test_a_mention_has_the_place_of_its_sentence_in_characters() -> None:
    text = "Čaj! <br />The café’s “acting” is fine… Really. Ünlike the script, which is bad."
    [mentions] = find_mentions(load_lexicon(), [text]).to_pylist()
    places = [(each["aspect"], text[each["start"] : each["stop"]]) for each in mentions]
    assert places == [
        ("acting", "The café’s “acting” is fine"),
        ("script", "Ünlike the script, which is bad"),
    ]


def test_a_sentence_says_one_thing_of_an_aspect() -> None:
    assert find(["Great acting by a great cast, and the actors have chemistry."]) == [{"acting": "+"}]


@given(st.lists(st.text(), max_size=4))
def test_every_word_is_found_at_its_place_and_none_is_made_up(texts: list[str]) -> None:
    words = find_words(texts)
    for text, word, start, stop in zip(words.text, words.words, words.start, words.stop, strict=True):
        found = texts[text][start:stop].replace("’", "'")
        assert found.encode("utf-8", "surrogatepass").lower() == word.as_py()
    assert all(0 <= text < len(texts) for text in words.text)
    letters = sum(character.isascii() and character.isalnum() for text in texts for character in text)
    found = sum(chr(byte).isalnum() for word in words.words for byte in word.as_py() if byte < 128)
    assert found == letters


@given(st.text())
def test_any_text_has_mentions_within_it(text: str) -> None:
    [mentions] = find_mentions(load_lexicon(), [text]).to_pylist()
    assert all(0 <= each["start"] < each["stop"] <= len(text) for each in mentions)


def test_aspects_are_found_in_sentences_that_were_set_aside() -> None:
    figures = judge(read_sentences(judging=True), find)
    assert figures.macro_f1 >= 0.80
    assert figures.right >= 0.85
    assert figures.decided >= 0.90


def test_no_word_names_two_aspects_or_judges_in_two_ways() -> None:
    for path in FOLDER.glob("*.toml"):
        facts = tomllib.loads(path.read_text("utf-8"))
        for lists in ([facts[name] for name in ("praise", "blame", "neutral")], facts["aspects"].values()):
            phrases = Counter(phrase for each in lists for phrase in " ".join(each.split()).split(", "))
            assert not {phrase for phrase, times in phrases.items() if times > 1 or phrase.count(" ") > 1}

"""Tests of explanations: found by name, shown as written, and harmless whatever a review contains."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from models.bundle.scorer import Scorer
from models.own_labels.layer import OwnLayer
from models.tokenizer import EncodedReviews
from tasks.explain.explanation import Explained, explain_text
from tasks.explain.finding_text import FoundText, find_text
from tasks.explain.terminal import write_explanation, write_explanation_as_json
from tasks.support.wording import escape_controls
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.latest_scores import rebuild
from tasks.warehouse.published import open_published
from tasks.warehouse.publishing import publish
from tests.support.warehouse_parts import PartFile, hash_text, write_part

WEIGHTS = {"good": 1.5, "bad": -2.0, "film": 0.1, "the": 0.0}
HOSTILE = (
    "<script>alert('bad')</script> <img src=x onerror=alert(1)> & &lt;b&gt; \"good\" </p></main>"
    "'; DROP TABLE source_reviews; -- \x1b[31mred\x1b[0m \x1b]0;title\x07 \u202egood\u202c \x00 \u2028 "
    "{0} %s [bold]film[/]"
)


def make_scorer(length: int = 8) -> Scorer:
    """Make a scorer that adds up `WEIGHTS`."""
    weights = np.array([0.0, *WEIGHTS.values()])

    def predict(encoded: EncodedReviews) -> NDArray[np.float64]:
        return np.asarray(1 / (1 + np.exp(-weights[encoded.pad()].sum(axis=1))))

    ids = {word: place for place, word in enumerate(WEIGHTS, start=1)}
    return Scorer("adder", length, ids, predict)


def explain(text: str, length: int = 8) -> Explained:
    return explain_text(make_scorer(length), FoundText(text))


def show(explained: Explained, top: int = 10) -> str:
    out = io.StringIO()
    write_explanation(explained, top, out)
    return out.getvalue()


def test_places_are_those_of_the_text_as_written() -> None:
    text = "İyi!<br />GOOD film"
    explained = explain(text)
    assert [text[word.start : word.stop] for word in explained.read] == ["İyi", "GOOD", "film"]
    assert [word.is_known for word in explained.read] == [False, True, True]


def test_of_a_long_text_only_the_last_words_are_read() -> None:
    explained = explain("good good bad film the", length=3)
    assert explained.words_in_text == 5
    assert [word.word for word in explained.read] == ["bad", "film", "the"]
    assert explained.source.text[: explained.unread_stop] == "good good "


@given(st.text(alphabet="goodbafilmthe <br/>\nİ."), st.integers(1, 5))
def test_the_words_and_what_is_not_read_are_those_of_the_text_as_written(text: str, length: int) -> None:
    try:
        explained = explain(text, length)
    except ReviewsError:
        return
    places = [explained.unread_stop, *(place for word in explained.read for place in (word.start, word.stop))]
    assert places == sorted(places)
    assert [text[word.start : word.stop].lower() for word in explained.read] == [
        word.word for word in explained.read
    ]


@pytest.mark.parametrize("text", ["", "  ...  ", "<br />"])
def test_a_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(ReviewsError, match="has no word"):
        explain(text)


def test_no_character_that_a_terminal_obeys_is_shown() -> None:
    said = show(explain(HOSTILE, length=500))
    assert not [line for line in said.splitlines() if escape_controls(line) != line]
    assert "\\x1b[31mred" in said
    assert "[bold]film" in said


@pytest.mark.slow
def test_a_text_of_a_megabyte_is_cut_in_the_terminal() -> None:
    said = show(explain("good " * 200_000 + "x" * 10_000 + "\n" * 10_000 + "bad"))
    assert len(said) < 4000


def to_json(explained: Explained) -> dict[str, Any]:
    out = io.StringIO()
    write_explanation_as_json(explained, 10, out)
    assert out.getvalue().rstrip("\n").isprintable()
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_json_gives_the_text_back_and_each_word_at_its_place() -> None:
    found = to_json(explain(HOSTILE, length=500))
    assert found["text"] == HOSTILE
    [good] = [each for each in found["occurrences"] if each["word"] == "good"]
    assert (HOSTILE[good["start"] : good["stop"]], good["known"]) == ("good", True)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published copy with reviews, rows and movies to look up by name."""
    folder = tmp_path_factory.mktemp("explaining")
    home = Home(folder / "home")
    sha = hash_text("a.csv")
    rows: list[dict[str, Any]] = [
        {"review_id": "r-1001", "movie_id": "tt1", "text": "good film"},
        {"review_id": "r-1002", "text": "bad film"},
        {"review_id": "r-1002", "text": "newer film", "reviewed_at": None},
        {"review_id": None, "text": "no id"},
        {"review_id": f"{sha[:12]}:1", "text": "named like a row"},
        {"review_id": "it's", "text": "quoted"},
    ]
    commit_parts(home.warehouse, write_part(folder / "part", [PartFile("a.csv", rows, bad_rows=[7])]))
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute(
            "INSERT INTO promotions VALUES (1, 'promote', 'model-a', 'first', NULL, now(), NULL, NULL)"
        )
        rebuild(connection)
    publish(home)
    return home.published


def find(published: Path, name: str) -> FoundText:
    with open_published(published) as connection:
        return find_text(connection, name)


SHA = hash_text("a.csv")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("r-1001", "good film"),
        ("r-1002", "newer film"),
        ("it's", "quoted"),
        (f"{SHA[:6].upper()}:4", "no id"),
        (f"{SHA}:4", "no id"),
    ],
)
def test_a_review_is_found_by_its_id_and_a_row_by_its_name(published: Path, name: str, text: str) -> None:
    assert find(published, name).text == text


def test_a_name_of_two_rows_lists_both(published: Path) -> None:
    with pytest.raises(ReviewsError, match="names 2 rows: "):
        find(published, f"{SHA[:12]}:1")
    assert find(published, f"{SHA}:1").text == "good film"


def test_a_row_that_was_set_aside_is_said_to_be(published: Path) -> None:
    with pytest.raises(ReviewsError, match=r"was quarantined \(.*reviews quarantine show"):
        find(published, f"{SHA[:12]}:7")


@pytest.mark.parametrize(
    "name", ["'; DROP TABLE source_reviews; --", "\x1b[31m", "", "x" * 100_000, "abcdef:" + "9" * 5000]
)
def test_a_hostile_name_is_only_unknown(published: Path, name: str) -> None:
    with pytest.raises(ReviewsError, match="No scored review or row") as raised:
        find(published, name)
    assert escape_controls(str(raised.value)) == str(raised.value)
    assert len(str(raised.value)) < 800


def test_programs_get_the_source_and_the_score_without_its_labels() -> None:
    scorer = replace(make_scorer(), own={"shop": OwnLayer(bias=1.0)})
    shown = to_json(explain_text(scorer, FoundText("a good film", source="shop")))
    assert (shown["source"], shown["adapted_to"]) == ("shop", "shop")
    assert shown["score"] == pytest.approx(1 / (1 + np.exp(-2.6)))
    assert shown["model_score"] == pytest.approx(explain("a good film").score)

"""Tests of single texts that are said to be of a source: what its labels change counts for them, as in a run."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from data_contracts.rules_and_limits import RowLimits
from deployments.guarded_server import LOOPBACK_NAMES
from deployments.serving.answering import close_desk, open_desk
from deployments.serving.app import make_app
from deployments.serving.champion_following import FollowedChampion
from models.bundle.scorer import Scorer
from models.own_labels.layer import OwnLayer
from models.tokenizer import EncodedReviews
from tasks.scoring.part_rows import score_rows
from tasks.texts.loaded_champion import LoadedChampion
from tasks.texts.scores import score_asked
from tasks.warehouse.model_registry import PromotedModel
from tests.support.asgi import ask_app

WORDS = {"good": 1, "bad": 2, "film": 3}
WEIGHTS = np.array([0.0, 1.5, -2.0, 0.1])
SHOP = OwnLayer(bias=1.0, ngrams=((3,),), weights=(-0.5,))
"""A film is something else in a shop."""
LIMITS = RowLimits(max_text_chars=200)
TEXTS = ["a good film", "bad", "a bad film"]


def predict(encoded: EncodedReviews) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-WEIGHTS[encoded.pad()].sum(axis=1))))


@pytest.fixture(scope="module")
def champion() -> LoadedChampion:
    """A champion that has learnt from the labels of `shop`."""
    now = datetime(2026, 12, 1, tzinfo=UTC)
    promoted = PromotedModel("adder", "adder", "0" * 64, 1, "the first model", now)
    return LoadedChampion(promoted, Scorer("adder", 8, WORDS, predict, own={"shop": SHOP}), None)


def score(champion: LoadedChampion, source: str | None) -> list[float]:
    scores: list[float] = score_asked(champion, TEXTS, LIMITS, [source] * len(TEXTS))["score"].to_pylist()
    return scores


def score_in_run(champion: LoadedChampion, source: str) -> list[float]:
    """Return the scores that a run gives the same texts in a file of a source."""
    rows = {"source_sha256": ["0" * 64] * 3, "row_number": [1, 2, 3], "text": TEXTS, "source": [source] * 3}
    scored = score_rows(champion.scorer, "", pa.table(rows), datetime(2026, 12, 1, tzinfo=UTC))
    scores: list[float] = scored["score"].to_pylist()
    return scores


@pytest.mark.parametrize("source", ["shop", "cinema"])
def test_texts_of_a_source_get_the_numbers_of_a_run(champion: LoadedChampion, source: str) -> None:
    assert score(champion, source) == score_in_run(champion, source)


def test_each_text_has_a_source_of_its_own(champion: LoadedChampion) -> None:
    mixed = score_asked(champion, ["bad", "bad", " "], LIMITS, ["shop", None, "shop"])
    assert mixed["score"].to_pylist() == [score(champion, "shop")[1], score(champion, None)[1], None]
    assert mixed["adapted_to"].to_pylist() == ["shop", None, None]


@pytest.fixture(scope="module")
def app(champion: LoadedChampion) -> Iterator[Any]:
    """The app of `reviews serve` with this champion."""
    desk = open_desk(FollowedChampion(lambda: champion, lambda: None, lambda: None), LIMITS)
    yield make_app(desk, LOOPBACK_NAMES)
    close_desk(desk)


@pytest.mark.parametrize(("source", "adapted_to"), [("shop", "shop"), ("cinema", None), (None, None)])
def test_an_answer_says_whose_labels_are_in_it(
    app: Any, champion: LoadedChampion, source: str | None, adapted_to: str | None
) -> None:
    answer = ask_app(app, "/score", {"text": TEXTS[0], "source": source}).read_json()
    assert (answer["score"], answer["adapted_to"]) == (score(champion, source)[0], adapted_to)


def test_the_words_of_an_explained_answer_are_those_of_its_score(app: Any, champion: LoadedChampion) -> None:
    asked = {"text": "film", "explain": True}
    of_none, of_shop = (
        ask_app(app, "/score", asked | {"source": each}).read_json() for each in (None, "shop")
    )
    assert [each["words"][0]["contribution"] for each in (of_none, of_shop)] == pytest.approx([0.1, -0.4])


@pytest.mark.parametrize("source", [7, ["shop"], "s" * 256])
def test_what_can_be_no_source_is_refused_with_the_place_of_the_fault(app: Any, source: Any) -> None:
    refused = ask_app(app, "/score", {"text": "bad", "source": source})
    assert (refused.status, "body.source" in refused.read_json()["message"]) == (422, True)

"""Tests that one line registers a new kind of model, and that the kind that made a graph reads it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_contracts.errors import BundleError
from models import list_of_kinds
from models.bundle.folder import GRAPH_FILE, load_model, name_model, write_bundle
from models.bundle.scorer import load_scorer, make_keras_scorer, score_texts
from models.graphs.engine_interface import SAME_SCORE
from models.graphs.session import open_graph
from models.list_of_kinds import ExportedModel, export_model, load_engine
from models.tokenizer import Vocabulary, encode_reviews
from models.training.fit import train_variant
from models.variants import find_variant
from models.word_effects import explain_review
from tests.models.bag_kind import BAG, BagVariant, build_bag
from tests.support.small_models import (
    WORDS,
    find_wide_at_random,
    give_reviews,
    make_reviews,
    make_small_variant,
)

LENGTH = 12
VOCABULARY = Vocabulary(WORDS)
TEXTS = ["good film", "bad film", "the plot", "unknown", "good " * 30, ""]


@pytest.fixture(autouse=True, scope="module")
def registered() -> Iterator[None]:
    """Register the kind, as its line in `KINDS` would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_of_kinds, "KINDS", (*list_of_kinds.KINDS, BAG))
        yield


@pytest.fixture(scope="module")
def variant() -> BagVariant:
    found = find_variant("bag")
    assert isinstance(found, BagVariant)
    return replace(found, vocabulary_size=len(WORDS) + 1, sequence_length=LENGTH, batch_size=8)


@pytest.fixture(scope="module")
def exported(variant: BagVariant) -> ExportedModel:
    """A model that was not trained, to which word 1 is praise and word 2 is blame."""
    model = build_bag(variant)
    vectors = np.zeros((variant.vocabulary_size, variant.width), np.float32)
    vectors[1], vectors[2] = 1, -1
    model.set_weights([vectors, np.ones((variant.width, 1)), np.zeros(1)])
    return export_model(model)


@pytest.fixture
def bundle(variant: BagVariant, exported: ExportedModel, tmp_path: Path) -> Path:
    facts = {
        "model_id": name_model("bag", 0, exported.model, VOCABULARY, "data"),
        "hyper_parameters": variant.hyper_parameters(),
        "fingerprints": {"data": "data"},
    }
    return write_bundle(tmp_path, exported, VOCABULARY, facts)


@pytest.mark.training
def test_it_learns_a_word_that_decides(variant: BagVariant) -> None:
    reviews, test = give_reviews(make_reviews(200), make_reviews(50, seed=1)), make_reviews(100, seed=2)
    wider = replace(variant, width=32)  # learns in fewer epochs
    model = train_variant(wider, reviews, seed=0, epochs=5).model
    scores = np.asarray(model(test.ids))[:, 0]
    assert ((scores > 0.5) == (test.positive > 0.5)).mean() > 0.9


def test_its_bundle_is_scored_by_its_engine_as_by_keras(bundle: Path, exported: ExportedModel) -> None:
    assert (bundle / GRAPH_FILE).exists()
    expected = score_texts(make_keras_scorer("", exported.model, VOCABULARY.ids(), LENGTH), TEXTS).score
    assert np.abs(score_texts(load_scorer(bundle), TEXTS).score - expected).max() < SAME_SCORE


def test_its_saved_model_is_loaded_with_its_own_layer(bundle: Path, exported: ExportedModel) -> None:
    ids = make_reviews(20, seed=3).ids
    assert np.asarray(load_model(bundle)(ids)).tolist() == np.asarray(exported.model(ids)).tolist()


def test_its_scores_are_explained(bundle: Path) -> None:
    scorer, word_ids = load_scorer(bundle), encode_reviews(["good film"], VOCABULARY.ids(), LENGTH).word_ids
    effects = explain_review(scorer.predict, word_ids, scorer.sequence_length)
    assert effects.contribution[0] > 0


def test_a_graph_of_a_kind_that_is_not_registered_is_refused(
    exported: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exported.graph is not None
    monkeypatch.setattr(list_of_kinds, "KINDS", list_of_kinds.KINDS[:-1])
    with pytest.raises(BundleError, match="of no known kind of model"):
        load_engine(exported.graph)


MODELS: dict[str, Callable[[], Any]] = {
    "lstm": lambda: make_small_variant().build(make_small_variant()),
    "wide lstm": find_wide_at_random,
    "bag": lambda: build_bag(BagVariant("bag", "", build_bag)),
}
"""A model of each kind, in the order of the kinds."""


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_exported_and_its_graph_read_by_its_own_kind_alone(name: str) -> None:
    model = MODELS[name]()
    own = [each == name for each in MODELS]
    graphs = [kind.export(model) for kind in list_of_kinds.KINDS]
    assert [graph is not None for graph in graphs] == own
    opened = open_graph(next(graph for graph in graphs if graph is not None))
    engines = [kind.load_engine(opened) for kind in list_of_kinds.KINDS]
    assert [engine is not None for engine in engines] == own

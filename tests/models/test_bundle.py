"""Tests that bundles are complete and unaltered, and load as the same model."""

import json
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import BundleError
from models.bundle.fingerprint import fingerprint_bundle, is_unaltered, require_fingerprint
from models.bundle.folder import GRAPH_FILE, load_model, load_vocabulary, name_model, write_bundle
from models.bundle.golden import require_same_scores_in_fresh_process
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import load_scorer, make_keras_scorer, make_scorer, score_texts
from models.list_of_kinds import export_model
from models.tokenizer import Vocabulary
from tests.support.small_models import WORDS, make_small_variant

VOCABULARY = Vocabulary(WORDS)
TEXTS = ["good film", "bad film", "the plot", "unknown", "good " * 30, ""]


@pytest.fixture(scope="module")
def model() -> Any:
    variant = make_small_variant()
    return variant.build(variant)


@pytest.fixture
def bundle(model: Any, tmp_path: Path) -> Path:
    facts = {
        "model_id": name_model("cnn_lstm", 0, model, VOCABULARY, "data"),
        "hyper_parameters": make_small_variant().hyper_parameters(),
        "fingerprints": {"data": "data", "code": "code"},
    }
    return write_bundle(tmp_path / "bundles", export_model(model), VOCABULARY, facts)


def test_a_bundle_gives_the_same_scores_when_it_is_loaded(bundle: Path, model: Any) -> None:
    before = score_texts(make_scorer("", export_model(model), VOCABULARY.ids(), 12), TEXTS)
    assert score_texts(load_scorer(bundle), TEXTS).score.tolist() == before.score.tolist()


@pytest.mark.process
def test_a_fresh_process_gives_the_same_scores(bundle: Path, model: Any) -> None:
    scores = score_texts(make_keras_scorer("", model, VOCABULARY.ids(), 12), TEXTS).score
    require_same_scores_in_fresh_process(bundle, dict(zip(TEXTS, scores.tolist(), strict=True)))


@pytest.mark.process
def test_a_graph_of_another_model_is_refused_in_a_fresh_process(bundle: Path, model: Any) -> None:
    scores = score_texts(make_keras_scorer("", model, VOCABULARY.ids(), 12), TEXTS).score
    variant = make_small_variant()
    graph = export_model(variant.build(variant)).graph
    assert graph is not None
    (bundle / GRAPH_FILE).write_bytes(graph)
    with pytest.raises(BundleError, match="does not give the trained model's scores"):
        require_same_scores_in_fresh_process(bundle, dict(zip(TEXTS, scores.tolist(), strict=True)))


@pytest.mark.slow
def test_a_bundle_of_format_1_is_still_scored(bundle: Path, model: Any) -> None:
    (bundle / GRAPH_FILE).unlink()
    path = bundle / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 1}))
    expected = score_texts(make_keras_scorer("", model, VOCABULARY.ids(), 12), TEXTS)
    assert score_texts(load_scorer(bundle), TEXTS).score.tolist() == pytest.approx(expected.score.tolist())


@pytest.mark.parametrize("name", ["model.keras", "scorer.onnx", "vocabulary.json", "bundle.json"])
def test_a_bundle_with_one_byte_changed_is_refused(bundle: Path, name: str) -> None:
    recorded = read_facts(bundle)["fingerprints"]["bundle"]
    require_fingerprint(bundle, recorded)
    content = bytearray((bundle / name).read_bytes())
    place = content.index(b"cnn_lstm") if name == "bundle.json" else len(content) // 2
    content[place] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleError):
        require_fingerprint(bundle, recorded)
    assert not is_unaltered(bundle)


def test_a_bundle_with_a_file_more_is_refused(bundle: Path) -> None:
    recorded = fingerprint_bundle(bundle)
    (bundle / "extra.py").write_text("print()")
    with pytest.raises(BundleError, match="was altered"):
        require_fingerprint(bundle, recorded)


def test_a_bundle_of_a_newer_format_is_refused(bundle: Path) -> None:
    path = bundle / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99}))
    with pytest.raises(BundleError, match="has format 99"):
        load_scorer(bundle)


@pytest.mark.parametrize(
    ("name", "load"), [("model.keras", load_model), ("vocabulary.json", load_vocabulary)]
)
def test_a_damaged_file_is_named_in_our_own_words(bundle: Path, name: str, load: Any) -> None:
    (bundle / name).write_bytes(b"not what it was")
    with pytest.raises(BundleError, match=name):
        load(bundle)


def test_the_same_model_has_the_same_id_and_another_data_set_another(model: Any) -> None:
    ids = [name_model("cnn_lstm", 0, model, VOCABULARY, data) for data in ("a", "a", "b")]
    assert ids[0] == ids[1] != ids[2]


def test_writing_a_bundle_again_keeps_the_one_that_is_there(bundle: Path, model: Any) -> None:
    before = fingerprint_bundle(bundle)
    facts = {**read_facts(bundle), "trained_at": "later"}
    assert write_bundle(bundle.parent, export_model(model), VOCABULARY, facts) == bundle
    assert fingerprint_bundle(bundle) == before

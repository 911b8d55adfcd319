"""Tests what the benchmark of variants measures of a bundle: facts, size and scores on our own evaluation sets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.variants import measure_bundle
from models.bundle.folder import write_bundle
from models.evaluation.behaviour import CAPABILITIES
from models.evaluation.elsewhere import KIND_WORDS, read_elsewhere
from models.list_of_kinds import export_model
from models.tokenizer import Vocabulary
from tests.support.small_models import WORDS, make_small_variant

EVALUATION = {"reviews": 9, "accuracy": 0.9, "auc": 0.9, "log_loss": 0.3, "calibration_error": 0.1}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of an untrained small model."""
    variant = make_small_variant()
    splits = ("validation", "test", "test_unseen_texts")
    facts = {
        "model_id": "cnn_lstm-s3-000000000000",
        "variant": "cnn_lstm",
        "seed": 3,
        "epochs": 2,
        "kept_epoch": 1,
        "hyper_parameters": variant.hyper_parameters(),
        "metrics": {
            **{split: {**EVALUATION, "reliability": [], "roc": {}} for split in splits},
            "rating": {"mae": 1.6, "title_spearman": 0.9},
            "by_length": [],
            "ablations": {"LSTM alone": {"test_accuracy": 0.8}},
        },
        "fingerprints": {},
    }
    exported = export_model(variant.build(variant))
    return write_bundle(tmp_path_factory.mktemp("bundles"), exported, Vocabulary(tuple(WORDS)), facts)


@pytest.fixture(scope="module")
def measured(bundle: Path) -> dict[str, Any]:
    """The measurements of that bundle, with a command time of 12 seconds."""
    return measure_bundle(bundle, {"command_seconds": 12.0})


def test_a_bundles_parameters_and_bytes_are_counted(bundle: Path, measured: dict[str, Any]) -> None:
    embedding, convolution, lstm, head = 7 * 4, 3 * 4 * 4 + 4, 4 * (4 + 4 + 1) * 4, 4 + 1
    assert measured["parameters"] == embedding + convolution + lstm + head
    assert measured["bytes"] == sum(path.stat().st_size for path in bundle.iterdir())


def test_a_bundles_times_and_parts_are_told_where_they_are_known(measured: dict[str, Any]) -> None:
    assert (measured["training_seconds"], measured["command_seconds"]) == (None, 12.0)
    assert measured["ablations"] == {"LSTM alone": 0.8}
    assert measured["test"] == EVALUATION


def test_every_review_from_elsewhere_is_scored(measured: dict[str, Any]) -> None:
    scores = np.array(measured["elsewhere_scores"])
    assert len(scores) == len(read_elsewhere()) > 10 * len(KIND_WORDS)
    assert ((scores > 0) & (scores < 1)).all()


def test_every_type_and_capability_of_behaviour_has_its_rate(measured: dict[str, Any]) -> None:
    behaviour = measured["behaviour"]
    assert list(behaviour["by_test"]) == list(CAPABILITIES)
    assert list(behaviour["by_capability"]) == [name for names in CAPABILITIES.values() for name in names]
    assert all(0 <= rate <= 1 for rates in behaviour.values() for rate in rates.values())

"""Trains a model on a dataset, evaluates it beside the linear baseline, and writes its bundle.

Plain functions over `models/`, without Prefect; needs TensorFlow. The test rows only give figures to report: no choice
depends on them.
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.drift import describe_reference
from data_contracts.rules_and_limits import POSITIVE_FROM
from data_contracts.storage.durable import write_whole
from models.bundle.folder import name_model, write_bundle
from models.bundle.golden import GOLDEN_TEXTS
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import Scorer, make_keras_scorer, make_scorer, score_texts
from models.evaluation.baseline import fit_baseline
from models.evaluation.bootstrap import CONFIDENCE
from models.evaluation.metrics import evaluate_lengths, evaluate_scores
from models.evaluation.sets import (
    list_behaviour_texts,
    rate_behaviour,
    rate_elsewhere,
    read_behaviour_tests,
    read_elsewhere,
)
from models.evaluation.slices import evaluate_slices, mark_slices
from models.evaluation.stars import (
    evaluate_ratings,
    fit_interval,
    fit_stars,
    rate_stars,
    to_facts,
)
from models.list_of_kinds import ExportedModel
from models.tensorflow import CPU
from models.tokenizer import EncodedReviews
from models.training.fit import train_variant
from models.training.journal import QUIET, Journal
from models.training.kind_of_model import Variant
from models.training.reviews import LabelledReviews, TrainingReviews
from models.training.trained_model import TrainedModel
from tasks.support.code_version import fingerprint_code
from tasks.training.dataset import DatasetTexts, EncodedRows, TrainingRows

BASELINE_FILE = "baseline.json"
CODE = ("models", "data_contracts")
"""The packages on which the weights of a training depend."""
LIBRARIES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "gensim", "numba")
"""Those with which recipes compute weights; another version of one may give others."""
FRESH_CHECK_ROWS = 200
"""Number of validation texts that a fresh process scores, besides the golden texts."""


@dataclass(frozen=True)
class TrainingJob:
    """A variant to train for a bundle, and the rows to train it on."""

    variant: Variant
    seed: int
    epochs: int
    """Passes over the training rows."""
    rows: TrainingRows
    encoded: EncodedRows
    device: str = CPU
    """The name of what the weights are computed on, as `models.tensorflow.choose_device` returns it."""


@dataclass(frozen=True)
class TrainedBundle:
    """A bundle on disk, with its facts."""

    model_id: str
    folder: Path
    facts: dict[str, Any]
    """The content of `bundle.json`."""
    warnings: tuple[str, ...] = ()
    """The warnings of the contract on the training input."""


def train_on(job: TrainingJob, journal: Journal = QUIET) -> TrainedModel:
    """Train the variant of a bundle; the journal is told of the rows that are done, and keeps checkpoints."""
    rows, encoded = job.rows, job.encoded
    train = LabelledReviews(encoded.train.pad(), rows.train.positive.astype(np.float32))
    validation = LabelledReviews(encoded.validation.pad(), rows.validation.positive.astype(np.float32))
    reviews = TrainingReviews(train, validation, encoded.unlabelled.pad())
    return train_variant(job.variant, reviews, seed=job.seed, epochs=job.epochs, journal=journal)


def measure_trained(job: TrainingJob, exported: ExportedModel) -> dict[str, Any]:
    """Return the figures of a model for its bundle, as plain values by the names of their facts.

    `metrics` are those of the validation and the test rows, of the test texts that are not also training texts, and of
    the two sets of our own. The star ratings, `rating`, are fitted on the validation rows, and `reference` has the
    distributions against which the drift of later reviews is measured.
    """
    rows, encoded = job.rows, job.encoded
    scorer = make_scorer("", exported, encoded.vocabulary.ids(), job.variant.sequence_length)
    validation = scorer.predict(encoded.validation)
    test = scorer.predict(encoded.test)
    known = set(rows.train.text_sha256) | set(rows.validation.text_sha256)
    unseen = np.array([digest not in known for digest in rows.test.text_sha256])
    held_out = rows.validation
    stars = fit_stars(validation, held_out.rating)
    interval = fit_interval(rate_stars(validation, stars), held_out.rating, held_out.movie_id)
    rated = rate_stars(test, stars)
    right = (test >= POSITIVE_FROM) == rows.test.positive
    evaluations = {
        "validation": evaluate_scores(validation, held_out.positive),
        "test": evaluate_scores(test, rows.test.positive),
        "test_unseen_texts": evaluate_scores(test[unseen], rows.test.positive[unseen]),
    }
    lengths = evaluate_lengths(encoded.test.token_count, right, rated - rows.test.rating)
    of_drift = {name: getattr(encoded.validation, name) for name in ("token_count", "oov_rate", "truncated")}
    return {
        "metrics": {
            **{name: asdict(evaluation) for name, evaluation in evaluations.items()},
            "rating": asdict(evaluate_ratings(rated, rows.test.rating, rows.test.movie_id, interval)),
            "by_length": [asdict(each) for each in lengths],
            **measure_slices(rows.test, encoded.test, test, unseen),
            **measure_on_sets(scorer),
        },
        "rating": to_facts(stars, interval),
        "reference": {
            name: asdict(each) for name, each in describe_reference({"score": validation, **of_drift}).items()
        },
    }


def measure_slices(
    rows: DatasetTexts, encoded: EncodedReviews, scores: NDArray[np.float64], unseen: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return `accuracy_interval` and `slices` of the test `scores` [n]; `unseen` [n] marks texts not in training."""
    everything = {"test": np.ones(len(scores), bool), "test_unseen_texts": unseen}
    slices = mark_slices(rows.texts, encoded.token_count, encoded.oov_rate)
    accuracies = evaluate_slices(scores, rows.positive, rows.movie_id, {**everything, **slices})
    figures = {each.name: asdict(each.accuracy) for each in accuracies}
    return {
        "accuracy_interval": {
            name: {"confidence": CONFIDENCE, **figures[name]} for name in everything if name in figures
        },
        "slices": [
            {
                "name": each.name,
                "reviews": each.reviews,
                "accuracy": each.accuracy.value,
                "lower": each.accuracy.lower,
                "upper": each.accuracy.upper,
            }
            for each in accuracies
            if each.name in slices
        ],
    }


def measure_on_sets(scorer: Scorer) -> dict[str, Any]:
    """Return what a model passes of the two sets of our own, as `behaviour` and `elsewhere`."""
    tests, reviews = read_behaviour_tests(), read_elsewhere()
    result = rate_behaviour(tests, score_texts(scorer, list_behaviour_texts(tests)).score)
    rates = rate_elsewhere(reviews, score_texts(scorer, [each.text for each in reviews]).score)
    by_test, (overall, *kinds) = (
        [{**asdict(rate), "rate": rate.rate} for rate in some] for some in (result.by_test, rates)
    )
    return {"behaviour": {"by_test": by_test}, "elsewhere": {"overall": overall, "by_kind": kinds}}


def measure_baseline(reviews_dir: Path, rows: TrainingRows) -> dict[str, Any]:
    """Return the linear baseline's figures for a bundle of these rows; compute them once and keep them in a file."""
    path = reviews_dir / BASELINE_FILE
    train, test = rows.train, rows.test
    these_rows = {"data_fingerprint": rows.provenance.data_fingerprint, "train_reviews": len(train.texts)}
    try:
        saved = json.loads(path.read_text("utf-8"))
        if saved == {**saved, **these_rows}:
            return dict(saved)
    except (OSError, ValueError, TypeError):
        pass  # missing or damaged, so measured below
    result = fit_baseline(train.texts, train.labels(), test.texts, test.labels())
    figures = {**asdict(result), **these_rows}
    with write_whole(path) as building:
        building.write_text(json.dumps(figures, indent=1), "utf-8")
    return figures


def save_bundle(
    bundles_dir: Path,
    job: TrainingJob,
    trained: TrainedModel,
    exported: ExportedModel,
    figures: Mapping[str, Any],
) -> TrainedBundle:
    """Write the bundle of a trained model, with all its facts, completely or not at all.

    `figures` are those of `measure_trained`, with the `baseline` and the `training_seconds`: the elapsed time of
    `train_on`, with that of the times when it was stopped, up to their last checkpoints.
    """
    rows, encoded, variant = job.rows, job.encoded, job.variant
    data_fingerprint = rows.provenance.data_fingerprint
    model_id = name_model(variant.name, job.seed, trained.model, encoded.vocabulary, data_fingerprint)
    scorer = make_keras_scorer(model_id, trained.model, encoded.vocabulary.ids(), variant.sequence_length)
    golden = score_texts(scorer, GOLDEN_TEXTS).score
    facts = {
        "model_id": model_id,
        "variant": variant.name,
        "hyper_parameters": variant.hyper_parameters(),
        "seed": job.seed,
        "epochs": len(trained.history),
        "kept_epoch": trained.kept_epoch,
        "device": job.device,
        "history": [asdict(epoch) for epoch in trained.history],
        **figures,
        "golden": [
            {"text": text, "score": float(score)} for text, score in zip(GOLDEN_TEXTS, golden, strict=True)
        ],
        "rows": {
            "train": len(rows.train.texts),
            "validation": len(rows.validation.texts),
            "test": len(rows.test.texts),
            "unlabelled": len(rows.unlabelled),
        },
        "provenance": asdict(rows.provenance),
        "fingerprints": {"data": data_fingerprint, "code": fingerprint_code(CODE)},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in (*LIBRARIES, "onnx", "onnxruntime")},
        },
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    folder = write_bundle(bundles_dir, exported, encoded.vocabulary, facts)
    return TrainedBundle(model_id, folder, read_facts(folder))


def score_for_fresh_process(job: TrainingJob, trained: TrainedModel) -> dict[str, float]:
    """Return Keras's scores, by text, of the golden and some validation texts, which a fresh process must match."""
    word_ids, length = job.encoded.vocabulary.ids(), job.variant.sequence_length
    scorer = make_keras_scorer("", trained.model, word_ids, length)
    texts = [*GOLDEN_TEXTS, *job.rows.validation.texts[:FRESH_CHECK_ROWS]]
    return dict(zip(texts, score_texts(scorer, texts).score.tolist(), strict=True))

"""From reviews Parquet to a bundle: rows and split, the input contract, training, evaluation, the bundle.

Plain functions over `models/`; needs TensorFlow. The test rows are only ever reported on.
"""

import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts.drift import ReferenceMeasure, describe_reference
from data_contracts.durable import write_whole
from data_contracts.errors import SourceError
from data_contracts.expectations import CheckResult
from data_contracts.reviews import Provenance
from data_contracts.scored_reviews import POSITIVE_FROM
from data_contracts.training_input import TrainingInputSummary, check_training_input
from models.bundle.folder import name_model, read_facts, write_bundle
from models.bundle.golden import GOLDEN_TEXTS
from models.bundle.scorer import make_exported_scorer, make_keras_scorer, score_texts
from models.evaluation.baseline import fit_baseline
from models.evaluation.metrics import Evaluation, LengthClass, evaluate_lengths, evaluate_scores
from models.evaluation.stars import (
    RatingEvaluation,
    RatingInterval,
    StarMapping,
    evaluate_ratings,
    fit_interval,
    fit_stars,
    rate_stars,
    to_facts,
)
from models.lstm.export import export_graph
from models.tokenizer import EncodedReviews, Vocabulary, build_vocabulary, encode_reviews
from models.training.fit import LabelledReviews, TrainedModel, train_variant
from models.training.split import hold_out_titles, mark_first_texts
from models.variants import Variant
from models.wide_lstm.ablation import measure_paths
from tasks.archive.reviews_parquet import read_provenance, read_split
from tasks.support.code_version import fingerprint_code
from tasks.training.further_metrics import measure_further

BASELINE_FILE = "baseline.json"
FRESH_CHECK_ROWS = 200
"""Validation texts that a fresh process scores beside the golden ones."""


@dataclass(frozen=True)
class LabelledTexts:
    """Texts with their labels, [n] each."""

    texts: list[str]
    text_sha256: list[str]
    positive: NDArray[np.bool_]
    rating: NDArray[np.float64]
    """Given by the writer, 1 to 10 stars."""
    movie_id: list[str]

    def labels(self) -> list[str]:
        """Give the labels as Stanford writes them, 'pos' and 'neg'."""
        return ["pos" if positive else "neg" for positive in self.positive]


@dataclass(frozen=True)
class TrainingRows:
    """The archive's rows as training takes them: train less the held-out titles, validation, test; see `load_rows`."""

    train: LabelledTexts
    validation: LabelledTexts
    test: LabelledTexts
    unlabelled: list[str]
    """Texts without a label, each once; none where the variant does not read them."""
    shared_titles: int
    provenance: Provenance


@dataclass(frozen=True)
class EncodedRows:
    """The rows of one training as ids, and the words that gave the ids."""

    vocabulary: Vocabulary
    train: EncodedReviews
    validation: EncodedReviews
    test: EncodedReviews
    unlabelled: EncodedReviews


@dataclass(frozen=True)
class Measured:
    """How good a trained model is, and what was fitted on the validation rows for those who use it."""

    evaluations: dict[str, Evaluation]
    """Of validation, of test, and of the test texts that do not stand in the training split too."""
    stars: StarMapping
    interval: RatingInterval
    rating: RatingEvaluation
    """Of test."""
    by_length: tuple[LengthClass, ...]
    """Of test."""
    reference: dict[str, ReferenceMeasure]
    """Of the validation rows: what later scores are held against to see drift."""
    further: dict[str, Any]
    """More metrics by name, as plain JSON values: see `further_metrics` and `models.wide_lstm.ablation`."""


@dataclass(frozen=True)
class TrainedBundle:
    """A bundle on disk with the figures that it was written with."""

    model_id: str
    folder: Path
    facts: dict[str, Any]
    warnings: tuple[str, ...] = ()
    """What the contract of the training input warned of."""


def load_rows(reviews_dir: Path, *, with_unlabelled: bool = False) -> TrainingRows:
    """Read train and test, and hold a tenth of the training titles out for validation.

    Of rows with the same text one is kept, in train and validation together; test stays as it is. Texts without a
    label are read where they are wanted, those apart that stand in another split or before.
    """
    provenance = read_provenance(reviews_dir)
    if provenance is None:
        raise SourceError(f"{reviews_dir}: holds no complete reviews Parquet. Run `reviews ingest` first.")
    columns = ["label", "movie_id", "rating", "text", "text_sha256"]
    train, test = (read_split(reviews_dir, split, columns) for split in ("train", "test"))
    movie_ids = train["movie_id"].to_pylist()
    if set(test["text_sha256"].to_pylist()) <= set(train["text_sha256"].to_pylist()):
        raise SourceError(f"{reviews_dir}: every test text is a training text, so nothing could be measured.")
    held_out = hold_out_titles(movie_ids)
    first = mark_first_texts(train["text_sha256"].to_pylist(), held_out)
    titles = np.array(movie_ids, dtype=object)
    known = {*train["text_sha256"].to_pylist(), *test["text_sha256"].to_pylist()}
    return TrainingRows(
        train=_label_texts(train.filter(pa.array(~held_out & first))),
        validation=_label_texts(train.filter(pa.array(held_out & first))),
        test=_label_texts(test),
        unlabelled=_read_unlabelled(reviews_dir, known) if with_unlabelled else [],
        shared_titles=len(set(titles[held_out]) & set(titles[~held_out])),
        provenance=provenance,
    )


def _label_texts(table: pa.Table) -> LabelledTexts:
    positive = np.array([label == "pos" for label in table["label"].to_pylist()], dtype=bool)
    texts, digests, titles = (table[name].to_pylist() for name in ("text", "text_sha256", "movie_id"))
    return LabelledTexts(texts, digests, positive, table["rating"].to_numpy().astype(np.float64), titles)


def _read_unlabelled(reviews_dir: Path, known: set[str]) -> list[str]:
    """Read the texts without a label, each once, whose digests are not among the `known` ones."""
    table = read_split(reviews_dir, "unsup", ["text", "text_sha256"])
    texts = dict(zip(table["text_sha256"].to_pylist(), table["text"].to_pylist(), strict=True))
    return [text for digest, text in texts.items() if digest not in known]


def encode_rows(rows: TrainingRows, variant: Variant) -> EncodedRows:
    """Rank the words of the training rows, and of those without a label, and encode all rows with them."""
    vocabulary = build_vocabulary([*rows.train.texts, *rows.unlabelled], variant.vocabulary_size)
    word_ids, length = vocabulary.ids(), variant.sequence_length
    texts = (rows.train.texts, rows.validation.texts, rows.test.texts, rows.unlabelled)
    return EncodedRows(vocabulary, *(encode_reviews(part, word_ids, length) for part in texts))


def check_input(rows: TrainingRows, encoded: EncodedRows) -> list[CheckResult]:
    """Check what training is about to be given against its contract."""
    parts = (encoded.train, encoded.validation)
    truncated = np.concatenate([part.truncated for part in parts])
    oov_rate = np.concatenate([part.oov_rate for part in parts])
    summary = TrainingInputSummary(
        vocabulary_size=len(encoded.vocabulary.words),
        rows_train=len(rows.train.texts),
        rows_validation=len(rows.validation.texts),
        positive_share_train=float(rows.train.positive.mean()),
        positive_share_validation=float(rows.validation.positive.mean()),
        oov_rate_train=float(encoded.train.oov_rate.mean()),
        oov_rate_validation=float(encoded.validation.oov_rate.mean()),
        truncated_share=float(truncated.mean()),
        unknown_only_share=float((oov_rate == 1).mean()),
        shared_titles=rows.shared_titles,
    )
    return check_training_input(summary)


def train_on(
    rows: TrainingRows,
    encoded: EncodedRows,
    variant: Variant,
    seed: int,
    epochs: int,
    report: Callable[[int], None] = lambda rows: None,
) -> TrainedModel:
    """Train on the encoded rows; `report` is told of the rows done since its last call."""
    train = LabelledReviews(encoded.train.pad(), rows.train.positive.astype(np.float32))
    validation = LabelledReviews(encoded.validation.pad(), rows.validation.positive.astype(np.float32))
    unlabelled = encoded.unlabelled.pad()
    return train_variant(variant, train, validation, unlabelled, seed=seed, epochs=epochs, report=report)


def measure_trained(rows: TrainingRows, encoded: EncodedRows, trained: TrainedModel, length: int) -> Measured:
    """Evaluate a model; fit its ratings, and its reference for drift, on the validation rows."""
    graph = export_graph(trained.model)
    scorer = make_exported_scorer("", trained.model, graph, encoded.vocabulary.ids(), length)
    validation = scorer.predict(encoded.validation)
    test = scorer.predict(encoded.test)
    known = set(rows.train.text_sha256) | set(rows.validation.text_sha256)
    unseen = np.array([digest not in known for digest in rows.test.text_sha256])
    stars = fit_stars(validation, rows.validation.rating)
    held_out = rows.validation
    interval = fit_interval(rate_stars(validation, stars), held_out.rating, held_out.movie_id)
    parts = (encoded.validation, held_out.positive, encoded.test, rows.test.positive)
    rated = rate_stars(test, stars)
    right = (test >= POSITIVE_FROM) == rows.test.positive
    return Measured(
        evaluations={
            "validation": evaluate_scores(validation, rows.validation.positive),
            "test": evaluate_scores(test, rows.test.positive),
            "test_unseen_texts": evaluate_scores(test[unseen], rows.test.positive[unseen]),
        },
        stars=stars,
        interval=interval,
        rating=evaluate_ratings(rated, rows.test.rating, rows.test.movie_id, interval),
        by_length=evaluate_lengths(encoded.test.token_count, right, rated - rows.test.rating),
        reference=describe_reference({"score": validation, **_list_measures(encoded.validation)}),
        further={
            **measure_further(scorer, rows.test, test, encoded.test, unseen),
            "ablations": measure_paths(graph, *parts),
        },
    )


def _list_measures(encoded: EncodedReviews) -> dict[str, NDArray[Any]]:
    return {name: getattr(encoded, name) for name in ("token_count", "oov_rate", "truncated")}


def measure_baseline(reviews_dir: Path, rows: TrainingRows) -> dict[str, Any]:
    """Give the linear baseline's figures on these rows; they are computed once and kept beside the Parquet."""
    path = reviews_dir / BASELINE_FILE
    train, test = rows.train, rows.test
    these_rows = {"data_fingerprint": rows.provenance.data_fingerprint, "train_reviews": len(train.texts)}
    try:
        kept = json.loads(path.read_text("utf-8"))
        if kept == {**kept, **these_rows}:
            return dict(kept)
    except (OSError, ValueError, TypeError):
        pass  # not measured yet on these rows
    result = fit_baseline(train.texts, train.labels(), test.texts, test.labels())
    figures = {**asdict(result), **these_rows}
    with write_whole(path) as building:
        building.write_text(json.dumps(figures, indent=1), "utf-8")
    return figures


def save_bundle(
    bundles_dir: Path,
    rows: TrainingRows,
    encoded: EncodedRows,
    trained: TrainedModel,
    variant: Variant,
    seed: int,
    measured: Measured,
    baseline: dict[str, Any],
    training_seconds: float,
) -> TrainedBundle:
    """Write the bundle whole or not at all, with all that its users will want to know of it.

    `training_seconds` are those of `train_on`, by the clock.
    """
    data_fingerprint = rows.provenance.data_fingerprint
    model_id = name_model(variant.name, seed, trained.model, encoded.vocabulary, data_fingerprint)
    scorer = make_keras_scorer(model_id, trained.model, encoded.vocabulary.ids(), variant.sequence_length)
    golden = score_texts(scorer, GOLDEN_TEXTS).score
    facts = {
        "model_id": model_id,
        "variant": variant.name,
        "hyper_parameters": variant.hyper_parameters(),
        "seed": seed,
        "epochs": len(trained.history),
        "kept_epoch": trained.kept_epoch,
        "training_seconds": training_seconds,
        "history": [asdict(epoch) for epoch in trained.history],
        "metrics": {
            **{name: evaluation.to_json() for name, evaluation in measured.evaluations.items()},
            "rating": asdict(measured.rating),
            "by_length": [asdict(each) for each in measured.by_length],
            **measured.further,
        },
        "rating": to_facts(measured.stars, measured.interval),
        "reference": {name: asdict(each) for name, each in measured.reference.items()},
        "baseline": baseline,
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
        "fingerprints": {"data": data_fingerprint, "code": fingerprint_code(("models", "data_contracts"))},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("tensorflow", "keras", "numpy", "onnx", "onnxruntime")},
        },
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    folder = write_bundle(bundles_dir, trained.model, encoded.vocabulary, facts)
    return TrainedBundle(model_id, folder, read_facts(folder))


def score_some(
    trained: TrainedModel, encoded: EncodedRows, rows: TrainingRows, length: int
) -> dict[str, float]:
    """Score the golden texts and some validation texts with Keras, for a fresh process to match."""
    scorer = make_keras_scorer("", trained.model, encoded.vocabulary.ids(), length)
    texts = [*GOLDEN_TEXTS, *rows.validation.texts[:FRESH_CHECK_ROWS]]
    return dict(zip(texts, score_texts(scorer, texts).score.tolist(), strict=True))

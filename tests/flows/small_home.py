"""A home with a champion that took no training, and questions to its database."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from deployments.settings import Settings
from flows.grants import grant
from flows.ingest_reviews import IngestSummary, ingest_reviews
from models.bundle.folder import name_model, read_facts, write_bundle
from models.bundle.golden import GOLDEN_TEXTS
from models.bundle.scorer import make_keras_scorer, score_texts
from models.evaluation.metrics import evaluate_scores
from models.kinds import export_model
from models.tokenizer import Vocabulary
from tasks.warehouse.model_registry import record_model
from tests.models.small import WORDS, make_small_variant
from tests.promoting import promote_model


def write_small_bundle(
    settings: Settings, seed: int = 0, more_facts: Mapping[str, Any] | None = None, strength: float = 1.0
) -> Path:
    """Write and record the bundle of an untrained small model, its last weights times `strength`; not promoted."""
    import keras

    keras.utils.set_random_seed(seed)
    variant, vocabulary = make_small_variant(), Vocabulary(WORDS)
    model = variant.build(variant)
    model.layers[-1].set_weights([strength * weights for weights in model.layers[-1].get_weights()])
    golden = score_texts(
        make_keras_scorer("", model, vocabulary.ids(), variant.sequence_length), GOLDEN_TEXTS
    ).score
    evaluation = evaluate_scores(np.array([0.4, 0.6]), np.array([False, True])).to_json()
    facts = {
        "model_id": name_model(variant.name, seed, model, vocabulary, "data"),
        "variant": variant.name,
        "hyper_parameters": variant.hyper_parameters(),
        "seed": seed,
        "epochs": 0,
        "kept_epoch": 0,
        "history": [],
        "metrics": dict.fromkeys(("validation", "test", "test_unseen_texts"), evaluation),
        "baseline": {"test_accuracy": 0.5},
        "golden": [
            {"text": text, "score": float(score)} for text, score in zip(GOLDEN_TEXTS, golden, strict=True)
        ],
        "rows": {"train": 0, "validation": 0, "test": 0},
        "provenance": {"dataset": "sample"},
        "fingerprints": {"data": "data", "code": "code"},
        "versions": {},
        "trained_at": datetime.now(UTC).isoformat(),
        **(more_facts or {}),
    }
    folder = write_bundle(settings.bundles_dir, export_model(model), vocabulary, facts)
    record_model(settings.warehouse, read_facts(folder))
    return folder


def promote_small_model(
    settings: Settings, seed: int = 0, more_facts: Mapping[str, Any] | None = None
) -> Path:
    """Write a small bundle and make it the champion."""
    folder = write_small_bundle(settings, seed, more_facts)
    promote_model(settings.warehouse, folder.name, "for a test")
    return folder


def ingest(archive: Path, *, accept_unverified: bool = False) -> IngestSummary:
    """Run `ingest-reviews` as the command does, which may name any archive."""
    with grant([str(archive)]):
        return ingest_reviews(archive=str(archive), accept_unverified=accept_unverified)


def ask(database: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask a database that no one else has open."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.sql(query).fetchall()

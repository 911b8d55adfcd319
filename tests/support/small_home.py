"""Makes homes with an untrained champion, and queries their databases."""

import functools
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_contracts.storage.home import Home
from deployments.settings import load_settings
from flows.grants import grant
from flows.ingest_reviews import IngestSummary, ingest_reviews
from models.bundle.fingerprint import write_fingerprinted_facts
from models.bundle.folder import name_model, write_bundle
from models.bundle.golden import GOLDEN_TEXTS
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import make_keras_scorer, score_texts
from models.list_of_kinds import export_model
from models.tokenizer import Vocabulary
from tasks.warehouse.model_registry import record_model
from tasks.warehouse.shadow.record import ShadowStart, start_shadow
from tests.support.once import copy_folder, make_once
from tests.support.promoting import promote_model
from tests.support.serverless import run_without_server
from tests.support.small_models import WORDS, describe_golden, describe_untrained, make_small_variant

TRAINED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def write_small_bundle(
    home: Home, seed: int = 0, more_facts: Mapping[str, Any] | None = None, strength: float = 1.0
) -> Path:
    """Copy and record the bundle of an untrained small model, its last weights times `strength`, without promotion."""
    [bundle] = make_small_bundle(seed, strength).iterdir()
    folder = home.bundles / bundle.name
    copy_folder(bundle, folder)
    if more_facts:
        write_fingerprinted_facts(folder, {**read_facts(folder), **more_facts})
    record_model(home.warehouse, read_facts(folder))
    return folder


def make_small_bundle(seed: int = 0, strength: float = 1.0) -> Path:
    """Return the folder with the bundle of an untrained small model, built once per session: that takes TensorFlow."""
    return make_once(f"bundle-{seed}-{strength}", lambda folder: build_small_bundle(folder, seed, strength))


def build_small_bundle(bundles_dir: Path, seed: int = 0, strength: float = 1.0) -> Path:
    """Build an untrained small model and write its bundle; one of a higher seed was trained later."""
    import keras

    keras.utils.set_random_seed(seed)
    variant, vocabulary = make_small_variant(), Vocabulary(WORDS)
    model = variant.build(variant)
    model.layers[-1].set_weights([strength * weights for weights in model.layers[-1].get_weights()])
    golden = score_texts(
        make_keras_scorer("", model, vocabulary.ids(), variant.sequence_length), GOLDEN_TEXTS
    ).score
    facts = {
        **describe_untrained(name_model(variant.name, seed, model, vocabulary, "data"), variant.name, seed),
        "hyper_parameters": variant.hyper_parameters(),
        "golden": describe_golden(golden),
        "trained_at": (TRAINED_AT + timedelta(minutes=seed)).isoformat(),
    }
    return write_bundle(bundles_dir, export_model(model), vocabulary, facts)


def copy_home(home: Home, name: str, fill: Callable[[Home], object]) -> Home:
    """Copy the home that `fill` makes once per session to the path of `home`, and return it."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch, run_without_server():
            patch.setenv("REVIEWS_HOME", str(folder / "home"))
            fill(load_settings().home)

    # Test modules run in one process; two of them may choose one name.
    copy_folder(make_once(f"home-{fill.__module__}-{name}", make) / "home", home.folder)
    home.folder.chmod(0o700)  # as runs make it
    return home


def copy_scoring_home(home: Home) -> Home:
    """Copy a home with a promoted small model and an empty inbox, and return it."""

    def fill(made: Home) -> None:
        made.inbox.mkdir(parents=True)
        promote_small_model(made)

    return copy_home(home, "scoring", fill)


def promote_small_model(home: Home, seed: int = 0, more_facts: Mapping[str, Any] | None = None) -> Path:
    """Write a small bundle and make it the champion."""
    folder = write_small_bundle(home, seed, more_facts)
    promote_model(home.warehouse, folder.name, "for a test")
    return folder


def start_small_shadow(home: Home) -> str:
    """Write a small bundle and make it the shadow, from the first file on; return its model id."""
    model_id = write_small_bundle(home, seed=1).name
    start_shadow(home.warehouse, ShadowStart(model_id, "ann", since=TRAINED_AT))
    return model_id


def ingest(archive: Path, *, accept_unverified: bool = False) -> IngestSummary:
    """Run `ingest-reviews` as the command does, with any archive."""
    with grant([str(archive)]):
        return ingest_reviews(archive=str(archive), accept_unverified=accept_unverified)


def ask(database: Path, query: str) -> list[tuple[Any, ...]]:
    """Query a database that no other process has open; return its rows."""
    with _start_duckdb(os.getpid()).cursor() as connection:
        connection.execute(f"ATTACH '{database}' AS asked (READ_ONLY)")
        try:
            connection.execute("USE asked")
            return connection.sql(query).fetchall()
        finally:
            connection.execute("USE memory")
            connection.execute("DETACH asked")


@functools.cache
def _start_duckdb(process: int) -> duckdb.DuckDBPyConnection:
    """Start DuckDB in this process, since that takes longer than most queries."""
    return duckdb.connect()

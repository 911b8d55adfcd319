"""`train-model`: from Parquet to a promoted bundle, by the rule."""

from pathlib import Path

import numpy as np
import pytest

from data_contracts.errors import BundleError, ContractError, SourceError
from deployments.settings import Settings
from flows.ingest_reviews import ingest_reviews
from flows.train_model import train_model
from models.bundle import is_unaltered
from tests.flows.small_home import ask
from tests.unit.small_archive import RATING, write_archive

TITLES = 30


@pytest.fixture
def ingested(settings: Settings, tmp_path: Path) -> Settings:
    """A home with a few reviews that are easy to tell apart."""
    files: dict[str, bytes] = {}
    for split, label, word in (
        ("train", "pos", "good"),
        ("train", "neg", "bad"),
        ("train", "unsup", "some"),
        ("test", "pos", "good"),
        ("test", "neg", "bad"),
    ):
        for number in range(TITLES):
            others = " ".join(f"word{(number * 7 + step) % 90}" for step in range(12))
            text = f"A {word} film number {number} in {split} {label}, with {others}"
            files[f"aclImdb/{split}/{label}/{number}_{RATING[label]}.txt"] = text.encode()
        offset = 0 if split == "train" else TITLES
        urls = [f"http://www.imdb.com/title/tt{number + offset:07}/usercomments" for number in range(TITLES)]
        files[f"aclImdb/{split}/urls_{label}.txt"] = ("\n".join(urls) + "\n").encode()
    ingest_reviews(archive=str(write_archive(tmp_path / "small.tar.gz", files)), accept_unverified=True)
    return settings


def test_the_first_model_is_trained_recorded_and_promoted(ingested: Settings) -> None:
    summary = train_model(epochs=1)
    assert (summary.promoted, summary.reason) == (True, "the first model")
    assert is_unaltered(ingested.bundles_dir / summary.model_id)
    [(model_id, dataset, variant)] = ask(ingested.published, "select model_id, dataset, variant from models")
    assert (model_id, dataset, variant) == (summary.model_id, "other", "cnn_lstm")


def test_the_same_seed_gives_the_same_model_and_no_second_promotion(ingested: Settings) -> None:
    first, second = (train_model(epochs=1, seed=7) for _ in range(2))
    assert first.model_id == second.model_id
    assert (second.promoted, second.reason) == (False, "it is the champion already")
    assert ask(ingested.warehouse, "select count(*) from promotions") == [(1,)]


def test_never_leaves_the_model_unpromoted(ingested: Settings) -> None:
    assert not train_model(epochs=1, promote="never").promoted
    assert ask(ingested.warehouse, "select count(*) from promotions") == [(0,)]


def test_a_challenger_is_compared_with_the_champion_on_the_present_rows(ingested: Settings) -> None:
    train_model(epochs=1)
    summary = train_model(epochs=1, seed=1)
    assert "against" in summary.reason


def test_a_challenger_is_not_compared_with_an_altered_champion(ingested: Settings) -> None:
    champion = train_model(epochs=1)
    (ingested.bundles_dir / champion.model_id / "vocabulary.json").write_text("[]")
    with pytest.raises(BundleError, match="was altered"):
        train_model(epochs=1, seed=1)


def test_without_reviews_there_is_a_next_step(settings: Settings) -> None:
    with pytest.raises(SourceError, match="reviews ingest"):
        train_model()


def test_training_input_that_breaks_its_contract_stops_the_flow(
    ingested: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tasks.training

    monkeypatch.setattr(tasks.training, "hold_out_titles", lambda ids: np.arange(len(ids)) < len(ids) // 2)
    with pytest.raises(ContractError, match="training_input"):
        train_model(epochs=1)
    assert not list(ingested.bundles_dir.glob("*"))

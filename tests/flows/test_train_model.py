"""Tests of `train-model`: from Parquet to a promoted bundle."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.states import Pending

import tasks.stages.train
import tasks.training.dataset
from data_contracts.errors import ContractError, SourceError, WarehouseBusyError
from data_contracts.storage.home import Home
from deployments.settings import load_settings
from flows.train_model import TrainingSummary, train_model
from models import list_of_kinds
from models.bundle.fingerprint import is_unaltered, write_fingerprinted_facts
from models.bundle.folder import find_graph
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import load_scorer
from models.lstm.kind import LSTM
from models.training.journal import Journal
from models.training.trained_model import TrainedModel
from models.wide_lstm.kind import WIDE_LSTM
from tasks.stages.train import decide
from tasks.training.build_bundle import TrainingJob, train_on
from tasks.training.dataset import load_rows
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.model_registry import find_champion, record_model
from tasks.warehouse.promotion import Attempt
from tests.support.compiled_once import keep_compiled
from tests.support.ingested import TITLES, ingest_small_archive
from tests.support.quick_graphs import skip_graph_optimizers
from tests.support.small_home import ask
from tests.support.small_models import make_small_variant
from tests.support.warehouse_parts import NOON, PartFile, hash_text, write_part
from tests.support.wide_trainings import VARIANT

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with the small archive, shared by this module since training is slow."""
    folder = tmp_path_factory.mktemp("training")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_HOME", str(folder / "home"))
        patch.setenv("REVIEWS_REPORTS", "true")
        ingest_small_archive(folder)
        yield load_settings().home


@pytest.fixture(scope="module", autouse=True)
def small_variants() -> Iterator[None]:
    """Make the variants that are trained here small; that of full size is trained by the demo's test."""
    small = replace(make_small_variant(), vocabulary_size=200, sequence_length=VARIANT.sequence_length)
    skip_graph_optimizers()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            list_of_kinds,
            "KINDS",
            (replace(LSTM, variants=(small,)), replace(WIDE_LSTM, variants=(VARIANT,))),
        )
        yield


@pytest.fixture
def in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the scores of a fresh process, which other tests compare."""
    monkeypatch.setattr(tasks.stages.train, "score_for_fresh_process", lambda *arguments: None)
    monkeypatch.setattr(tasks.stages.train, "require_same_scores_in_fresh_process", lambda *arguments: None)


@pytest.fixture(scope="module")
def fitted() -> list[TrainedModel]:
    """What `first` was trained to. Tests of what comes after a training take it, since each training takes 3 s."""
    return []


@pytest.fixture(scope="module")
def first(home: Home, fitted: list[TrainedModel]) -> TrainingSummary:
    """The first model of the home."""

    def train_and_keep(job: TrainingJob, journal: Journal) -> TrainedModel:
        fitted.append(train_on(job, journal))
        return fitted[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks.stages.train, "train_on", train_and_keep)
        return train_model("cnn_lstm", epochs=1, seed=7)


def test_the_first_model_is_trained_recorded_and_promoted(home: Home, first: TrainingSummary) -> None:
    assert (first.promoted, first.reason) == (True, "the first model")
    assert is_unaltered(home.bundles / first.model_id)
    recorded = ask(home.published, f"select dataset, variant from models where model_id = '{first.model_id}'")
    assert recorded == [("other", "cnn_lstm")]


def test_a_text_that_is_there_twice_is_learnt_from_once(home: Home, first: TrainingSummary) -> None:
    rows = first.facts["rows"]
    assert rows["train"] + rows["validation"] == 2 * TITLES - 1
    loaded = load_rows(home.reviews)
    assert (len(loaded.train.texts), len(loaded.validation.texts)) == (rows["train"], rows["validation"])
    assert len({*loaded.train.texts, *loaded.validation.texts}) == 2 * TITLES - 1


def test_a_training_keeps_its_model_and_decision_in_its_run_and_writes_its_report(
    home: Home, first: TrainingSummary
) -> None:
    kept_by_run = "select run_id, counts->>'model_id', counts->>'decision' from runs"
    run_id, *kept = ask(home.published, f"{kept_by_run} where flow = 'train-model' order by started_at")[0]
    assert kept == [first.model_id, "the first model"]
    page = (home.reports / f"{run_id}.html").read_text("utf-8")
    assert f"cnn_lstm, seed {7}" in page
    assert "It was promoted: the first model." in page


def test_the_same_training_that_was_stopped_goes_on_to_the_same_model_without_a_second_promotion(
    home: Home, first: TrainingSummary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        raise SourceError("stopped after its last epoch")

    with monkeypatch.context() as patch:
        patch.setattr(tasks.stages.train, "export_model", stop)
        with pytest.raises(SourceError):
            train_model("cnn_lstm", epochs=1, seed=7)
    with redirect_stderr(StringIO()) as said:
        again = train_model("cnn_lstm", epochs=1, seed=7)
    assert "Goes on at the end of epoch 1 of 1; the training" in said.getvalue()
    assert list(home.trainings.iterdir()) == []
    assert (again.model_id, again.promoted) == (first.model_id, False)
    assert ask(home.warehouse, "select count(*) from promotions") == [(1,)]


@pytest.mark.usefixtures("in_one_process")
def test_a_challenger_is_compared_with_the_champion_on_the_present_rows(
    home: Home, first: TrainingSummary, fitted: list[TrainedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_another(job: TrainingJob, journal: Journal) -> TrainedModel:
        return replace(fitted[0], model=job.variant.build(job.variant))

    monkeypatch.setattr(tasks.stages.train, "train_on", build_another)
    summary = train_model("cnn_lstm", epochs=1, seed=9)
    assert "against" in summary.reason
    kept = f"select name, passed, detail from gate_checks where model_id = '{summary.model_id}' order by name"
    checks = sorted((check.name, check.passed, check.detail) for check in summary.checks)
    assert ask(home.published, kept) == checks
    assert {"log_loss", "accuracy", "slice short", "behaviour direction", "cost"} <= {
        name for name, *_ in checks
    }


def test_a_wide_lstm_is_trained_with_unlabelled_reviews_and_not_promoted_if_that_is_asked(
    home: Home, first: TrainingSummary
) -> None:
    with keep_compiled():
        wide = train_model(variant="wide_lstm", epochs=1, promote="never")
    bundle = home.bundles / wide.model_id
    assert is_unaltered(bundle)
    assert find_graph(bundle)
    assert wide.facts["rows"]["unlabelled"] == TITLES
    assert {"log_loss", "accuracy", "cost"} <= {check.name for check in wide.checks}
    assert (wide.model_id,) not in ask(home.warehouse, "select model_id from promotions")


def change_words(folder: Path) -> None:
    (folder / "vocabulary.json").write_text("[]")


def change_golden_scores(folder: Path) -> None:
    """Change a bundle's golden scores and update its fingerprint to match."""
    facts = read_facts(folder)
    golden = [{**each, "score": each["score"] + 0.01} for each in facts["golden"]]
    write_fingerprinted_facts(folder, {**facts, "golden": golden})


@pytest.mark.parametrize(
    ("mode", "change", "reason"),
    [
        ("auto", change_words, "was altered"),
        ("always", change_golden_scores, "golden texts score differently"),
    ],
)
def test_a_bundle_that_was_changed_since_it_was_written_is_not_promoted_at_the_end_of_its_training(
    home: Home, first: TrainingSummary, mode: str, change: Callable[[Path], None], reason: str
) -> None:
    champion = find_champion(home.warehouse)
    folder = home.bundles / f"other {mode}"
    shutil.copytree(home.bundles / first.model_id, folder)
    record_model(home.warehouse, {**first.facts, "model_id": folder.name})
    change(folder)
    if mode == "always":
        record_model(home.warehouse, {**read_facts(folder), "model_id": folder.name})
    decision = decide.fn(Attempt(folder.name, mode), home)
    assert not decision.promote
    assert reason in decision.reason
    assert find_champion(home.warehouse) == champion
    kept = f"select name, passed, detail from gate_checks where model_id = '{folder.name}'"
    assert ask(home.warehouse, kept) == [("golden_scores", False, decision.reason)]


def test_training_input_that_breaks_its_contract_stops_the_flow(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(home.bundles.glob("*"))
    monkeypatch.setattr(
        tasks.training.dataset, "hold_out_titles", lambda ids: np.arange(len(ids)) < len(ids) // 2
    )
    with pytest.raises(ContractError, match="titles"):
        train_model("cnn_lstm", epochs=1)
    assert set(home.bundles.glob("*")) == before


def test_without_reviews_there_is_a_next_step(empty_home: Home) -> None:
    with pytest.raises(SourceError, match="reviews ingest"):
        train_model("cnn_lstm")


def commit_own_labels(home: Home, model_id: str) -> None:
    """Commit a file of a shop whose writers, unlike those of the archive, like nine of ten things."""

    def name(number: int) -> str:
        return "word" + "".join(
            chr(ord(digit) + 49) for digit in str(number)
        )  # numbers alone make near-copies

    rows = [
        {
            "text": f"A {'good' if number % 10 else 'bad'} thing, {', '.join(map(name, (number, 7 * number)))}",
            "text_sha256": hash_text(str(number)),
            "movie_id": f"thing {number}",
            "reviewed_at": NOON - timedelta(days=number),
            "given_label": "positive" if number % 10 else "negative",
        }
        for number in range(200)
    ]
    few = [
        {**row, "text": f"Book {name(number)}", "text_sha256": hash_text(f"book {number}")}
        for number, row in enumerate(rows[:3])
    ]
    files = [
        PartFile("own.csv", rows, ledger={"source": "shop"}),
        PartFile("few.csv", few, ledger={"source": "books"}),
    ]
    part = write_part(home.parts / "own", files, model_id)
    commit_parts(home.warehouse, part)


@pytest.fixture(scope="module")
def with_own(home: Home, first: TrainingSummary) -> TrainingSummary:
    """The first model with what the labels of a source settle, without another training."""
    commit_own_labels(home, first.model_id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks.stages.train, "train_on", None)
        return train_model("cnn_lstm", epochs=1, seed=7, with_own=True)


def test_labels_of_a_source_make_a_better_champion_of_a_model_that_was_trained_before(
    home: Home, first: TrainingSummary, with_own: TrainingSummary
) -> None:
    champion = find_champion(home.warehouse)
    assert champion is not None
    assert champion.model_id == with_own.model_id != first.model_id
    assert "log loss on own labels" in with_own.reason
    [shop] = load_scorer(home.bundles / with_own.model_id).own.values()
    assert shop.factor > 0
    assert shop.lexicon.words
    assert with_own.facts["metrics"]["test"] == first.facts["metrics"]["test"]


def test_a_model_without_own_labels_does_not_replace_one_that_is_better_on_them(
    home: Home, first: TrainingSummary, with_own: TrainingSummary
) -> None:
    decision = decide.fn(Attempt(first.model_id, "auto"), home)
    assert not decision.promote
    assert "held-out reviews with own labels" in decision.reason


@pytest.mark.usefixtures("in_one_process")
@pytest.mark.server
def test_a_run_that_is_retried_does_not_train_again(
    home: Home, first: TrainingSummary, fitted: list[TrainedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = {"variant": "cnn_lstm", "seed": 11, "epochs": 1, "promote": "never"}

    def fail(*arguments: object) -> None:
        raise WarehouseBusyError("another program has the database")

    def train_again(*arguments: object) -> None:
        raise AssertionError("it was trained already")

    with monkeypatch.context() as patch:
        patch.setattr(tasks.stages.train, "train_on", lambda *arguments: fitted[0])
        patch.setattr(tasks.stages.train, "decide", fail)
        failed: Any = run_flow(train_model, parameters=parameters, return_type="state")
    assert failed.is_failed()
    monkeypatch.setattr(tasks.stages.train, "train_on", train_again)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(failed.state_details.flow_run_id, Pending(), force=True)
        flow_run = client.read_flow_run(failed.state_details.flow_run_id)
    summary: Any = run_flow(train_model, flow_run=flow_run, parameters=parameters)
    assert summary.reason == "asked for: --promote never"

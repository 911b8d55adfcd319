"""Tests that a wide LSTM whose training was stopped gets the weights, figures and reports of one that was not."""

import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.training import journal as journal_module
from models.training.journal import Journal
from models.wide_lstm.word_vectors import EPOCHS as VECTOR_EPOCHS
from models.wide_lstm.word_vectors import fit_word_vectors
from tests.support.forked import run_to_fault
from tests.support.wide_trainings import EPOCHS, ROWS, list_equal, train, train_usual

pytestmark = pytest.mark.training

BATCHES = 8
"""In an epoch of the small wide LSTM."""


class Seen(list[str]):
    """The places from which trainings go on, and the rows that they report."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def open(self, folder: Path) -> Journal:
        return Journal(self.rows.append, folder, go_on=self.go_on)

    def go_on(self, place: str, saved_at: datetime) -> None:
        self.append(place)


def test_a_wide_lstm_that_was_stopped_within_an_epoch_goes_on_within_it(tmp_path: Path) -> None:
    usual, seen = train_usual(), Seen()
    assert usual.folder is not None
    shutil.copytree(usual.folder, tmp_path, dirs_exist_ok=True)
    for path in tmp_path.glob("lstm-*"):
        if int(path.name.split("-")[1]) > BATCHES + 2:
            path.unlink()
    again = train(journal=seen.open(tmp_path))
    assert seen == [f"epoch 2 of {EPOCHS}, after 2 of its batches"]
    assert sum(seen.rows) == EPOCHS * ROWS
    assert all(list_equal(usual.model, again))
    assert again.history == usual.model.history


IDS = np.random.default_rng(0).integers(0, 30, (250, 20)).astype(np.int32)


def learn(journal: Journal) -> NDArray[np.float32]:
    return fit_word_vectors(IDS, 30, 6, 1, journal)


def learn_in(folder: Path) -> None:
    learn(Journal(folder=folder))


@pytest.mark.process
@pytest.mark.parametrize("passing", [1, 3])
def test_word_vectors_of_a_process_that_was_killed_go_on(passing: int, tmp_path: Path) -> None:
    run_to_fault(f"train: before checkpoint#{passing}", learn_in, tmp_path)
    seen = Seen()
    assert np.array_equal(learn(seen.open(tmp_path)), learn(Journal()))
    assert seen == ([] if passing == 1 else [f"epoch 3 of {VECTOR_EPOCHS} of the word vectors"])


@pytest.mark.parametrize("done", [1, VECTOR_EPOCHS])
def test_word_vectors_go_on_after_each_epoch(
    done: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "KEPT", VECTOR_EPOCHS)
    seen, whole = Seen(), learn(Journal(folder=tmp_path))
    for _ in range(VECTOR_EPOCHS - done):
        max(tmp_path.glob("word-vectors-*")).unlink()
    assert np.array_equal(whole, learn(seen.open(tmp_path)))
    assert (seen.rows[0], sum(seen.rows)) == (done * 250, VECTOR_EPOCHS * 250)

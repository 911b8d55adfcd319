"""Tests that a wide LSTM whose training was stopped gets the weights, figures and reports of one that was not."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from data_contracts.storage.faults import VARIABLE
from models.training import journal as journal_module
from models.training.journal import Journal
from models.wide_lstm.word_vectors import EPOCHS as VECTOR_EPOCHS
from models.wide_lstm.word_vectors import fit_word_vectors
from tests.support.wide_trainings import EPOCHS, ROWS, list_equal, train, train_usual

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[2]


class Seen(list[str]):
    """The places from which trainings go on, and the rows that they report."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def open(self, folder: Path) -> Journal:
        return Journal(self.rows.append, folder, go_on=self.go_on)

    def go_on(self, place: str, saved_at: datetime) -> None:
        self.append(place)


def remove_newest(folder: Path, part: str) -> None:
    max(folder.glob(f"{part}-*")).unlink()


def kill_training(point: str, folder: Path) -> None:
    """Train in a process that is killed at a fault point."""
    code = "import sys; from tests.support.wide_trainings import train_in_steps; train_in_steps(sys.argv[1])"
    killed = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=ROOT,
        env={**os.environ, VARIABLE: point},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL


@pytest.mark.process
def test_a_wide_lstm_that_was_killed_within_an_epoch_goes_on_within_it(tmp_path: Path) -> None:
    # three checkpoints of word vectors, one of n-grams, nine of the first epoch
    kill_training("train: before checkpoint#16", tmp_path)
    seen = Seen()
    again = train(journal=seen.open(tmp_path))
    assert seen == [f"epoch 2 of {EPOCHS}, after 2 of its batches"]
    assert sum(seen.rows) == EPOCHS * ROWS
    usual = train_usual().model
    assert all(list_equal(usual, again))
    assert again.history == usual.history


@pytest.mark.parametrize("done", range(1, VECTOR_EPOCHS + 1))
def test_word_vectors_go_on_after_each_epoch(
    done: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "KEPT", VECTOR_EPOCHS)
    ids, seen = np.random.default_rng(0).integers(0, 30, (250, 20)).astype(np.int32), Seen()
    whole = fit_word_vectors(ids, 30, 6, 1, Journal(folder=tmp_path))
    for _ in range(VECTOR_EPOCHS - done):
        remove_newest(tmp_path, "word-vectors")
    again = fit_word_vectors(ids, 30, 6, 1, seen.open(tmp_path))
    assert np.array_equal(whole, again)
    assert (seen.rows[0], sum(seen.rows)) == (done * 250, VECTOR_EPOCHS * 250)

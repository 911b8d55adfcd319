"""Tests of the folders of unfinished trainings: whose checkpoints a training finds, and when they are deleted."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_contracts.storage.home import Home
from tasks.maintenance.retention import drop_old_trainings
from tasks.support.locking import hold_folder
from tasks.training import unfinished
from tasks.training.build_bundle import TrainingJob
from tasks.training.dataset import DatasetTexts, TrainingRows, encode_rows
from tasks.training.unfinished import find_folder, forget_journal, keep_journal
from tests.support.small_models import make_small_variant

DAY = 86_400


def label(*texts: str) -> DatasetTexts:
    count = len(texts)
    return DatasetTexts(
        list(texts), list(texts), np.arange(count) % 2 == 0, np.full(count, 5.0), ["tt1"] * count
    )


def make_job(*texts: str, unlabelled: tuple[str, ...] = ()) -> TrainingJob:
    provenance: Any = None
    rows = TrainingRows(label(*texts), label("a plot"), label("the end"), list(unlabelled), 0, provenance)
    variant = make_small_variant()
    return TrainingJob(variant, 0, 2, rows, encode_rows(rows, variant))


@pytest.fixture(scope="module")
def job() -> TrainingJob:
    return make_job("a good film", "a bad film")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def save(home: Home, job: TrainingJob) -> None:
    """Keep a checkpoint of a training that is then stopped."""
    with keep_journal(home, job, lambda line: None, anew=False) as journal:
        journal.save("fit", 1, {"weights": np.zeros(3)})


def load(home: Home, job: TrainingJob, *, anew: bool = False) -> bool:
    """Return whether a training finds a checkpoint."""
    with keep_journal(home, job, lambda line: None, anew=anew) as journal:
        return journal.load("fit") is not None


def relabel(job: TrainingJob) -> TrainingJob:
    train = job.rows.train
    return replace(job, rows=replace(job.rows, train=replace(train, positive=~train.positive)))


@pytest.mark.parametrize(
    "change",
    [
        lambda job: replace(job, seed=1),
        lambda job: replace(job, epochs=3),
        lambda job: replace(job, device="a GPU"),
        lambda job: replace(job, variant=replace(job.variant, dropout=0.1)),
        lambda job: make_job("a good film", "a bad plot"),
        lambda job: make_job("a good film", "a bad film", unlabelled=("a film",)),
        relabel,
    ],
    ids=["seed", "epochs", "device", "hyper-parameter", "text", "unlabelled", "label"],
)
def test_another_training_finds_none(
    home: Home, job: TrainingJob, change: Callable[[TrainingJob], TrainingJob]
) -> None:
    save(home, job)
    assert not load(home, change(job))
    assert load(home, job)


@pytest.mark.parametrize("name", ["fingerprint_code", "version"])
def test_other_code_and_libraries_find_none(
    home: Home, job: TrainingJob, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(home, job)
    monkeypatch.setattr(unfinished, name, lambda _: "another")
    assert not load(home, job)


def test_a_training_that_is_begun_anew_finds_none(home: Home, job: TrainingJob) -> None:
    save(home, job)
    assert not load(home, job, anew=True)


def test_a_training_that_has_ended_leaves_nothing(home: Home, job: TrainingJob) -> None:
    save(home, job)
    forget_journal(home, job)
    assert list(home.trainings.iterdir()) == []


def test_of_two_processes_with_the_same_training_one_keeps_checkpoints(home: Home, job: TrainingJob) -> None:
    save(home, job)
    told: list[str] = []
    with hold_folder(find_folder(home, job)), keep_journal(home, job, told.append, anew=True) as journal:
        assert journal.folder is None
    assert ["another process does the same training" in line for line in told] == [True]
    assert load(home, job)


def make_old(folder: Path, days: float) -> None:
    for path in (*folder.iterdir(), folder):
        os.utime(path, (time.time() - days * DAY,) * 2)


def test_checkpoints_are_deleted_some_days_after_the_last_one(home: Home, job: TrainingJob) -> None:
    save(home, job)
    save(home, replace(job, seed=1))
    make_old(find_folder(home, job), 8)
    assert drop_old_trainings(home) == [find_folder(home, job).name]
    assert (load(home, replace(job, seed=1)), find_folder(home, job).exists()) == (True, False)


def test_checkpoints_of_a_training_that_goes_on_are_not_deleted(home: Home, job: TrainingJob) -> None:
    save(home, job)
    folder = find_folder(home, job)
    make_old(folder, 8)
    with hold_folder(folder):
        assert drop_old_trainings(home) == []
    assert folder.exists()

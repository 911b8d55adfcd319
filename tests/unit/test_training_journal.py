"""Tests of the checkpoints of a training: what is kept, and that a damaged one is never used."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from models.training import journal as module
from models.training.journal import Journal, find_earlier_seconds


@pytest.fixture
def warned() -> list[str]:
    return []


@pytest.fixture
def journal(tmp_path: Path, warned: list[str]) -> Journal:
    return Journal(folder=tmp_path, warn=warned.append)


def save(journal: Journal, *counts: int, part: str = "fit") -> None:
    for done in counts:
        journal.save(part, done, {"weights": np.full((3, 2), done, np.float32)})


def test_the_newest_checkpoint_of_a_part_is_loaded(journal: Journal) -> None:
    save(journal, 1, 9, 10)
    save(journal, 20, part="ngrams")
    found = journal.load("fit")
    assert found is not None
    assert (found.done, found.arrays["weights"].tolist()) == (10, [[10, 10]] * 3)
    assert datetime.now(UTC) - found.saved_at < timedelta(minutes=5)


def test_the_newest_two_of_a_part_are_kept(journal: Journal, tmp_path: Path) -> None:
    save(journal, 1, 2, 3)
    save(journal, 1, part="word-vectors")
    assert sorted(path.name.rsplit("-", 1)[0] for path in tmp_path.iterdir()) == [
        "fit-000000002",
        "fit-000000003",
        "word-vectors-000000001",
    ]


def flip_bit(content: bytes) -> bytes:
    return content[:200] + bytes([content[200] ^ 1]) + content[201:]


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"", flip_bit])
def test_a_damaged_checkpoint_is_told_of_and_the_one_before_is_loaded(
    journal: Journal, tmp_path: Path, warned: list[str], damage: Callable[[bytes], bytes]
) -> None:
    save(journal, 1, 2)
    newest = max(tmp_path.glob("fit-*"))
    newest.write_bytes(damage(newest.read_bytes()))
    found = journal.load("fit")
    assert found is not None
    assert found.done == 1
    assert [newest.name in line for line in warned] == [True]
    assert not newest.exists()


def test_a_checkpoint_of_which_the_write_was_killed_is_not_there(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(journal, 1)

    def die(point: str) -> None:
        raise KeyboardInterrupt(point)

    monkeypatch.setattr(module, "pass_fault_point", die)
    with pytest.raises(KeyboardInterrupt):
        save(journal, 2)
    found = journal.load("fit")
    assert found is not None
    assert found.done == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_the_seconds_of_a_training_are_those_of_all_its_times(journal: Journal, tmp_path: Path) -> None:
    assert find_earlier_seconds(tmp_path) == 0
    save(Journal(folder=tmp_path, earlier_seconds=100.0), 1)
    assert 100 <= find_earlier_seconds(tmp_path) < 110
    assert Journal(earlier_seconds=100.0).begin(lambda rows: None).count_seconds() >= 100

"""The journal of a training: what it reports, and its checkpoints, from which it goes on after it was stopped.

A checkpoint is one file of NumPy arrays, without pickles, written completely or not at all. Its name has the part of
the training, how much of that part is done, and the start of the sha256 of its content, so that a damaged file is never
used.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from data_contracts.storage.durable import name_temporary, put_in_place
from data_contracts.storage.faults import pass_fault_point

Arrays = Mapping[str, NDArray[Any]]

KEPT = 2
"""Checkpoints of a part that are kept: the newest, and the one before in case that is damaged."""
ELAPSED = "elapsed_seconds"
_DIGITS = 16
_NAME = re.compile(rf"(?P<part>[a-z-]+)-(?P<done>[0-9]{{9}})-(?P<digest>[0-9a-f]{{{_DIGITS}}})\.npz")


@dataclass(frozen=True)
class Checkpoint:
    """How much of a part of a training was done, and all that it needs to go on from there."""

    done: int
    """Epochs or batches: what the part counts."""
    arrays: Arrays
    saved_at: datetime


@dataclass(frozen=True)
class Journal:
    """What a training reports to, and where it keeps its checkpoints. Without a folder it keeps none."""

    report: Callable[[int], None] = lambda rows: None
    """Called with the number of training rows done since its last call: see `models.training.kind_of_model.Recipe`."""
    folder: Path | None = None
    warn: Callable[[str], None] = lambda message: None
    """Called with what is wrong with a checkpoint; the training goes on."""
    go_on: Callable[[str, datetime], None] = lambda place, saved_at: None
    """Called once by a training that goes on, with the place from which it does, and the time of that checkpoint."""
    save_seconds: float = 120.0
    """Seconds after which a part saves a checkpoint within an epoch that takes longer, if it can."""
    earlier_seconds: float = 0.0
    """Elapsed time of the training before it was stopped."""
    started: float = field(default_factory=time.perf_counter)

    def begin(self, report: Callable[[int], None]) -> "Journal":
        """Return the journal of a training that starts now, with what it reports to."""
        return replace(self, report=report, started=time.perf_counter())

    def count_seconds(self) -> float:
        """Return the elapsed time of the training, with that before it was stopped."""
        return self.earlier_seconds + time.perf_counter() - self.started

    def save(self, part: str, done: int, arrays: Arrays) -> None:
        """Keep a checkpoint. If it can't be written, only warn: the training itself has lost nothing."""
        if self.folder is None:
            return
        try:
            _write(self.folder, part, done, {**arrays, ELAPSED: np.array(self.count_seconds())})
        except OSError as error:
            self.warn(
                f"{self.folder}: a checkpoint can't be written ({error.strerror}); the training goes on."
            )

    def find_done(self, part: str) -> int:
        """Return how much of a part was done at its newest checkpoint, by its name; 0 if there is none."""
        found = [] if self.folder is None else _find_newest_first(self.folder, part)
        return found[0][0] if found else 0

    def load(self, part: str) -> Checkpoint | None:
        """Load the newest checkpoint of a part that is not damaged; None if there is none."""
        for _, path in [] if self.folder is None else _find_newest_first(self.folder, part):
            found = _read(path)
            if found is not None:
                return found
            self.warn(f"{path}: this checkpoint is damaged, so the training goes on from before it.")
            path.unlink(missing_ok=True)
        return None


QUIET = Journal()
"""The journal of a training that reports to nobody and keeps no checkpoint."""


def find_earlier_seconds(folder: Path) -> float:
    """Return the elapsed time of a training at its last checkpoint; 0 if there is none, or it is damaged."""
    last = max(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime, default=None)
    found = None if last is None else _read(last)
    return 0.0 if found is None else float(found.arrays[ELAPSED])


def list_values(variables: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """Return the values of Keras variables for a checkpoint."""
    return {f"variable_{number}": variable.numpy() for number, variable in enumerate(variables)}


def assign_values(variables: Sequence[Any], arrays: Arrays) -> None:
    """Give Keras variables the values that they had at a checkpoint."""
    for number, variable in enumerate(variables):
        variable.assign(arrays[f"variable_{number}"])


def name_epoch(done: int, epochs: int) -> str:
    """Say where a training goes on of which some epochs are done."""
    return f"epoch {done + 1} of {epochs}" if done < epochs else f"the end of epoch {epochs} of {epochs}"


def _write(folder: Path, part: str, done: int, arrays: Arrays) -> None:
    """Write a checkpoint, then delete those of its part that are too old."""
    temporary = name_temporary(folder / f"{part}-{done}")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        pass_fault_point("train: before checkpoint")
        put_in_place(temporary, folder / f"{part}-{done:09}-{_digest(temporary)}.npz")
    finally:
        temporary.unlink(missing_ok=True)
    for _, old in _find_newest_first(folder, part)[KEPT:]:
        old.unlink(missing_ok=True)


def _find_newest_first(folder: Path, part: str) -> list[tuple[int, Path]]:
    """Return how much is done at each checkpoint of a part, and its path; those with most done first."""
    named = ((path, _NAME.fullmatch(path.name)) for path in folder.glob(f"{part}-*"))
    of_part = [(int(name["done"]), path) for path, name in named if name and name["part"] == part]
    return sorted(of_part, reverse=True)


def _read(path: Path) -> Checkpoint | None:
    """Read a checkpoint; return None if it is damaged."""
    name = _NAME.fullmatch(path.name)
    try:
        if name is None or _digest(path) != name["digest"]:
            return None
        saved_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        with np.load(path, allow_pickle=False) as stored:
            return Checkpoint(int(name["done"]), dict(stored), saved_at)
    except (OSError, ValueError, BadZipFile):
        return None


def _digest(path: Path) -> str:
    """Return the start of the sha256 of a file's content."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()[:_DIGITS]

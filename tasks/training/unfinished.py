"""Keeps the checkpoints of a training in the home until its bundle is recorded, so that the same training goes on.

The folder of a training is named by all that decides its weights. So a training with other rows, settings, code or
libraries never goes on from these checkpoints.
"""

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from data_contracts.errors import SourceError
from data_contracts.storage.durable import make_folder, remove, remove_leftovers
from data_contracts.storage.home import Home
from models.training.journal import Journal, find_earlier_seconds
from tasks.support.code_version import fingerprint_code
from tasks.support.locking import hold_folder, refuse_to_wait
from tasks.training.build_bundle import LIBRARIES, TrainingJob

CODE = ("models", "data_contracts", "tasks")
_KEY_DIGITS = 16


@contextmanager
def keep_journal(
    home: Home, job: TrainingJob, tell: Callable[[str], None], *, anew: bool
) -> Iterator[Journal]:
    """Yield the journal of a training, with the checkpoints of the same one if it was stopped; `anew` removes them.

    While the block runs, no other process goes on with this training: one that tries keeps no checkpoints.
    """
    folder = find_folder(home, job)
    make_folder(folder)
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_folder(folder, refuse_to_wait))
        except SourceError:
            tell(f"{folder}: another process does the same training, so this one keeps no checkpoints.")
            yield Journal()
            return
        if anew:
            for path in folder.iterdir():
                remove(path)
        remove_leftovers(folder, held=True)
        yield Journal(
            folder=folder,
            warn=tell,
            go_on=lambda place, saved_at: tell(
                f"Goes on at {place}; the training was stopped after {saved_at:%Y-%m-%d %H:%M} UTC."
            ),
            earlier_seconds=find_earlier_seconds(folder),
        )


def forget_journal(home: Home, job: TrainingJob) -> None:
    """Remove the checkpoints of a training that has ended."""
    remove(find_folder(home, job))


def find_folder(home: Home, job: TrainingJob) -> Path:
    """Return the folder of the checkpoints of a training, named by all that decides its weights."""
    facts = {
        "variant": job.variant.hyper_parameters(),
        "seed": job.seed,
        "epochs": job.epochs,
        "code": fingerprint_code(CODE),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "device": job.device,
        **{name: version(name) for name in LIBRARIES},
    }
    digest = sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    encoded = job.encoded
    digest.update(json.dumps(encoded.vocabulary.words).encode())
    for part in (encoded.train, encoded.validation, encoded.unlabelled):
        digest.update(part.offsets.tobytes())
        digest.update(part.word_ids.tobytes())
    for rows in (job.rows.train, job.rows.validation):
        digest.update(rows.positive.tobytes())
    return home.trainings / f"{job.variant.name}-s{job.seed}-{digest.hexdigest()[:_KEY_DIGITS]}"

"""Makes folders once per session, in the first test process that needs them, and copies them for the others."""

import fcntl
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

FOLDER = "TESTS_SHARED_FOLDER"
"""The environment variable that names the folder of the session."""


def make_once(name: str, make: Callable[[Path], object]) -> Path:
    """Return the read-only folder that `make` fills once; other processes wait for it."""
    shared = Path(os.environ[FOLDER])
    made, building = shared / name, shared / f".{name}"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir()
            make(building)
            building.rename(made)
    return made


def copy_once(key: object, target: Path, make: Callable[[Path], object]) -> None:
    """Copy the folder that `make` fills to `target`; keys with the same `repr` share one folder."""
    made = make_once(sha256(repr(key).encode()).hexdigest()[:20], make)
    shutil.copytree(made, target, dirs_exist_ok=True)

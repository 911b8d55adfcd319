"""What is made once a session, by whichever process of the tests asks first, and copied by all that need it."""

import fcntl
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

FOLDER = "TESTS_SHARED_FOLDER"
"""The environment variable that names the folder of the session."""


def make_once(name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder that `make` filled; processes that ask meanwhile wait for it. No one may change it."""
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
    """Copy what `make` fills a folder with into the folder `target`; keys of one `repr` share what is made."""
    made = make_once(sha256(repr(key).encode()).hexdigest()[:20], make)
    shutil.copytree(made, target, dirs_exist_ok=True)

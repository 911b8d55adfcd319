"""A lock on a folder, for one process at a time. The system frees it when its holder ends, even when it is killed."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.errors import SourceError


def refuse_to_wait(folder: Path) -> None:
    """Raise a `SourceError`: a `when_held` for callers of `hold_folder` that fail instead of waiting."""
    raise SourceError(f"{folder}: another run is writing there. Next: wait until it has ended.")


@contextmanager
def hold_folder(folder: Path, when_held: Callable[[Path], object] = lambda folder: None) -> Iterator[None]:
    """Hold an exclusive lock on `folder` while the block runs. Creates no lock file.

    If another process holds the lock, call `when_held` with the folder, then wait. `when_held` may raise instead.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            when_held(folder)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Return whether a process holds the lock on `folder` at this moment."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

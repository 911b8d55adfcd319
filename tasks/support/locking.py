"""One at a time: a lock on a folder that the system itself frees when its holder ends, however it ends."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.errors import SourceError


def refuse_to_wait(folder: Path) -> None:
    """Be the answer of a caller for whom another run is reason enough to stop: a `SourceError`."""
    raise SourceError(f"{folder}: another run is writing there. Next: wait until it has ended.")


@contextmanager
def hold_folder(folder: Path, when_held: Callable[[Path], object] = lambda folder: None) -> Iterator[None]:
    """Hold `folder` while the block runs, against other processes that do the same; leaves no file.

    Where another process has it, `when_held` is told, which may raise; else this one waits.
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
    """Tell whether a process holds `folder` at this moment."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

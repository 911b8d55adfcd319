"""Locks on folders and files. The system frees a lock when its holder ends, even when it is killed."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

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


@contextmanager
def watch_file(path: Path, size: int) -> Iterator[Callable[[], bool]]:
    """Keep `lock_file` from locking the file at `path` while the block runs, in this process too.

    Yield a function that says whether another file has come to `path`, or its first `size` bytes have changed. The end
    of the block frees DuckDB's locks of this process on the file. A file that can't be opened never changes.
    """
    with ExitStack() as until_end:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            yield lambda: False
            return
        until_end.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        before = os.pread(descriptor, size, 0)
        yield lambda: not is_at(path, descriptor) or os.pread(descriptor, size, 0) != before


@contextmanager
def share_file(path: Path) -> Iterator[BinaryIO]:
    """Yield the file at `path`, open to be read; while the block runs, `lock_file` can't lock it.

    The end of the block frees DuckDB's locks of this process on the file. Raises `FileNotFoundError`.
    """
    while True:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            if is_at(path, file.fileno()):
                yield file
                return


def is_at(path: Path, descriptor: int) -> bool:
    """Return whether an open file is that at `path`: another one may have replaced it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def lock_file(file: BinaryIO) -> bool:
    """Lock an open file until it is closed, and return True; return False if a program reads or writes it.

    Two kinds of locks are needed: DuckDB takes one of the second kind, which does not bind its own process.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True

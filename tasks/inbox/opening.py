"""Opens files in folders that other programs write to: follows no link, and opens nothing that could block.

After a file was found and before it is opened, someone may replace it by a pipe, or a folder above it by a link. So the
path is opened folder by folder from a trusted folder on, and the type of the file is checked again after it was opened.
"""

import errno
import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# O_PATH, where the system has it, opens folders that this process may pass through but not list.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_regular(path: Path, root: Path | None = None) -> io.BufferedReader:
    """Open a regular file for reading; links may lead to the folder `root` above it, but are not followed below.

    The default of `root` is the file's own folder. Raises `OSError` if the file is a link, a pipe, a device or a
    folder, or if a folder between `root` and the file is a link.
    """
    return os.fdopen(_open_regular(path, root, os.O_RDONLY), "rb")


def open_to_change(path: Path) -> io.BufferedRandom:
    """Open a regular file to be read and changed. Raises `OSError` if it is a link, a pipe, a device or a folder."""
    return os.fdopen(_open_regular(path, None, os.O_RDWR), "r+b")


def _open_regular(path: Path, root: Path | None, flags: int) -> int:
    """Return the descriptor of a regular file, opened as `open_regular` describes."""
    with open_folder_of(path, root) as folder:
        # Checked before, too, since opening a device may have effects.
        _require_regular(os.stat(path.name, dir_fd=folder, follow_symlinks=False), path)
        descriptor = os.open(path.name, _FILE | flags, dir_fd=folder)
    try:
        _require_regular(os.fstat(descriptor), path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def place_within(path: Path, folders: Sequence[Path]) -> tuple[Path, Path] | None:
    """Resolve links and `..` in a path to open; return the first of `folders` that contains it, and the path in it.

    The returned path starts with that folder and has no link below it. Returns None if no folder contains the path.
    """
    real = Path(os.path.realpath(path))
    for folder in folders:
        real_folder = os.path.realpath(folder)
        if real.is_relative_to(real_folder):
            return folder, folder / real.relative_to(real_folder)
    return None


@contextmanager
def open_folder_of(path: Path, root: Path | None = None) -> Iterator[int]:
    """Open the folder that contains `path`, following no link below `root`; yield its descriptor.

    The default of `root` is that folder itself. Raises `OSError`.
    """
    root = path.parent if root is None else root
    inner_folders = path.relative_to(root).parts[:-1]
    if ".." in inner_folders:
        raise OSError(errno.EINVAL, "its path leads out of its folder", str(path))
    folder = os.open(root, _FOLDER)
    try:
        for part in inner_folders:
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _require_regular(status: os.stat_result, path: Path) -> None:
    """Raise an error unless an opened file is a regular file."""
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "it is a link", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a folder, a pipe or a device", str(path))

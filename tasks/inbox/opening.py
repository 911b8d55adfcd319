"""Opens files of folders that others write to: no link is followed, nothing that could block is opened.

Between the look at a folder and the opening of a file in it, someone may put a pipe in the file's place, or a link
in that of a folder above it. So the way to the file is walked folder by folder from a trusted one, and what was
opened is looked at again.
"""

import errno
import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# With O_PATH, where there is one, a folder that may be passed but not listed will do.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_regular(path: Path, root: Path | None = None) -> io.BufferedReader:
    """Open a regular file for reading; links are followed up to the folder `root`, which holds it, and not below.

    Without `root` it is the file's own folder. Raises `OSError` where the file is a link, a pipe, a device or a
    folder, or where a folder on the way is a link.
    """
    with open_folder_of(path, root) as folder:
        # Opening a device may do something, so that it is not even tried.
        _require_regular(os.stat(path.name, dir_fd=folder, follow_symlinks=False), path)
        descriptor = os.open(path.name, _FILE, dir_fd=folder)
    try:
        _require_regular(os.fstat(descriptor), path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def place_within(path: Path, folders: Sequence[Path]) -> tuple[Path, Path] | None:
    """Give the one of `folders` in which a path lies once links and `..` are resolved, and the path below it.

    The path that is given has no link below the folder. None: it lies in none of them.
    """
    real = Path(os.path.realpath(path))
    for folder in folders:
        real_folder = os.path.realpath(folder)
        if real.is_relative_to(real_folder):
            return folder, folder / real.relative_to(real_folder)
    return None


@contextmanager
def open_folder_of(path: Path, root: Path | None = None) -> Iterator[int]:
    """Open the folder in which `path` lies, below `root`, and give its descriptor; raises `OSError`."""
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
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "it is a link", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a folder, a pipe or a device", str(path))

"""Durable writes: a file or a folder gets its name when it is whole, and is still there after a power cut.

Until then it lies beside its place as `.NAME.PID.tmp`. It is synced with everything in it, renamed into place, and
the folder around it is synced. What a killed process leaves is removed by whoever writes the same name next, and by
`remove_leftovers`. Nothing else in the project renames or syncs a file, DuckDB apart, which syncs its own.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_LEFTOVER = re.compile(r"\.(?P<name>.+)\.(?P<process>[0-9]+)\.tmp(?:\.\w+)?", re.DOTALL)
"""What libraries put beside a file, such as DuckDB's log, goes with it."""
_NOT_FOR_FOLDERS = {errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES}
"""How some network file systems answer to the sync of a folder, which they do by themselves."""


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Give the path of a temporary file to write; it takes the place of `path` if the block ends well.

    Folders above are made. If the block fails, what was at `path` stays and the temporary file is removed.
    """
    make_folder(path.parent)
    remove_leftovers(path.parent, path.name)
    temporary = name_temporary(path)
    try:
        yield temporary
        put_in_place(temporary, path)
    finally:
        remove_leftovers(path.parent, path.name)


@contextmanager
def build_folder(path: Path, *, mode: int = 0o777, replace: bool = False) -> Iterator[Path]:
    """Give an empty temporary folder to fill; it gets the name `path` if the block ends well, else it is removed.

    `replace`: a folder that is there makes room; without it only an empty one does.
    """
    temporary = start_folder(path, mode)
    try:
        yield temporary
        put_in_place(temporary, path, replace=replace)
    finally:
        remove_leftovers(path.parent, path.name)


def start_folder(path: Path, mode: int = 0o777) -> Path:
    """Make the empty temporary folder of `path`, for `put_in_place`; folders above are made."""
    make_folder(path.parent)
    remove_leftovers(path.parent, path.name)
    temporary = name_temporary(path)
    temporary.mkdir(mode)
    return temporary


def put_in_place(temporary: Path, path: Path, *, replace: bool = False) -> None:
    """Sync what was written, a file or a folder with all that is in it, and give it the name `path`.

    `replace`: a folder that is there makes room; a file always does.
    """
    for each in (*temporary.rglob("*"), temporary):
        make_durable(each)
    if replace:
        shutil.rmtree(path, ignore_errors=True)
    temporary.replace(path)
    make_durable(path.parent)


def move_all(pairs: Iterable[tuple[Path, Path]]) -> None:
    """Rename files that were whole before, from each first path to the second, then sync their folders.

    `pairs` is read one by one, so that it may look at what is there.
    """
    with sync_after_renames() as rename:
        for source, target in pairs:
            rename(source, target, None)


@contextmanager
def sync_after_renames() -> Iterator[Callable[[Path, Path, int | None], None]]:
    """Give the function that renames a file from one path to another, and sync the folders when the block ends.

    Its third argument is the descriptor of the source's folder, where that path could be swapped for another.
    """
    folders: set[Path] = set()

    def rename(source: Path, target: Path, source_folder: int | None) -> None:
        if source_folder is None:
            source.replace(target)
            folders.add(source.parent)
        else:
            os.replace(source.name, target, src_dir_fd=source_folder)
        folders.add(target.parent)

    try:
        yield rename
    finally:
        for folder in folders:
            make_durable(folder)


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder if it is not there, and those above it, so that they survive a power cut."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode, exist_ok=True)
    make_durable(path.parent)


def make_durable(path: Path) -> None:
    """Let the content of a file, or the names in a folder, survive a power cut."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS or not path.is_dir():
            raise


def name_temporary(path: Path) -> Path:
    """Name where this process writes what is to be `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def remove_leftovers(folder: Path, name: str | None = None, *, held: bool = False) -> None:
    """Remove what was left half written in `folder`, of all names or one, by this process or one that is gone.

    `held`: the caller keeps all other writers out of the folder, so that whatever is half written was left there.
    """
    for path in folder.glob(".*.tmp*"):
        found = _LEFTOVER.fullmatch(path.name)
        if found is None or name not in (None, found["name"]):
            continue
        process = int(found["process"])
        if held or process == os.getpid() or not is_running(process):
            remove(path)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it as far as that can be; none is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Tell whether there is a process of this number on the machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True

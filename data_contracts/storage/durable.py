"""Durable writes: a file or a folder gets its final name only when it is complete, and then survives a power cut.

Until then its name is `.NAME.PID.tmp`, in the same parent folder. It is synced with all its content, renamed, and
the parent folder is synced. Temporary files of a killed process are removed by the next write of the same name and by
`remove_leftovers`. Nothing else in the project renames or syncs files, except DuckDB, which syncs its own.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

_LEFTOVER = re.compile(r"\.(?P<name>.+)\.(?P<process>[0-9]+)\.tmp(?:\.\w+)?", re.DOTALL)
"""Also matches a library's files for the temporary file, such as DuckDB's log, which have one more ending."""
_NOT_FOR_FOLDERS = {errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES}
"""Errors of network file systems that reject the sync of a folder because they sync folders themselves."""
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
"""Errors of file systems without hard links."""
_FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SYNCS_AT_ONCE = 8
_FILES_AT_ONCE = 1000
"""Files in memory at a time, where there are many."""


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file to write; rename it to `path` if the block succeeds.

    Creates missing parent folders. If the block fails, an old file at `path` stays and the temporary file is removed.
    """
    make_folder(path.parent)
    remove_leftovers(path.parent, path.name)
    temporary = name_temporary(path)
    try:
        with name_full_disk(path):
            yield temporary
            put_in_place(temporary, path)
    finally:
        remove_leftovers(path.parent, path.name)


@contextmanager
def name_full_disk(path: Path) -> Iterator[None]:
    """Add the name of what is written to the error of a full disk, which comes without one."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_DISK and error.filename is None:
            error.filename = str(path)
        raise


def create_whole(path: Path, content: bytes) -> None:
    """Write a file, unless there is one: of several processes that write it at once, the first one's stays.

    Where the file system has no hard links, one that comes at the very same moment may still replace it.
    """
    make_folder(path.parent)
    remove_leftovers(path.parent, path.name)
    temporary = name_temporary(path)
    try:
        with name_full_disk(path):
            temporary.write_bytes(content)
            make_durable(temporary)
            _link_first(temporary, path)
    finally:
        remove_leftovers(path.parent, path.name)


def _link_first(temporary: Path, path: Path) -> None:
    """Give a synced temporary file its final name too, unless a file has it."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if not path.exists():
            temporary.rename(path)
    make_durable(path.parent)


def write_all_whole(folder: Path, files: Iterable[tuple[str, bytes]]) -> int:
    """Write files into an existing folder, each completely or not at all; return their number.

    Several are written and synced at once. The caller holds a lock on the folder, and has removed leftovers.
    """
    written, remaining = 0, iter(files)
    with ThreadPoolExecutor(_SYNCS_AT_ONCE) as pool:
        while batch := [(folder / name, content) for name, content in islice(remaining, _FILES_AT_ONCE)]:
            for _ in pool.map(lambda named: write_synced(*named), batch):
                pass  # raises what one of them raised
            written += len(batch)
    make_durable(folder)
    return written


def write_synced(path: Path, content: bytes) -> None:
    """Write a file under its temporary name, sync and rename it; the caller syncs its folder when all are written."""
    temporary = name_temporary(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def build_folder(path: Path, *, mode: int = 0o777, replace: bool = False) -> Iterator[Path]:
    """Yield an empty temporary folder to fill; rename it to `path` if the block succeeds, else remove it.

    `replace`: remove an existing folder at `path` first; without it only an empty folder is replaced.
    """
    temporary = start_folder(path, mode)
    try:
        with name_full_disk(path):
            yield temporary
            put_in_place(temporary, path, replace=replace)
    finally:
        remove_leftovers(path.parent, path.name)


def start_folder(path: Path, mode: int = 0o777) -> Path:
    """Create the empty temporary folder of `path`, to be passed to `put_in_place`, and missing parent folders."""
    make_folder(path.parent)
    remove_leftovers(path.parent, path.name)
    temporary = name_temporary(path)
    temporary.mkdir(mode)
    return temporary


def put_in_place(temporary: Path, path: Path, *, replace: bool = False) -> None:
    """Sync a temporary file, or a temporary folder with all its content, and rename it to `path`.

    `replace`: remove an existing folder at `path` first. An existing file is always replaced.
    """
    with ThreadPoolExecutor(_SYNCS_AT_ONCE) as pool:  # so that the disk need not write its journal for each
        for _ in pool.map(make_durable, [*temporary.rglob("*"), temporary]):
            pass  # raises what one of them raised
    if replace:
        shutil.rmtree(path, ignore_errors=True)
    temporary.replace(path)
    make_durable(path.parent)


def make_temporary(path: Path, temporary: Path) -> None:
    """Rename a complete file or folder to a temporary name, to change or delete it: what is half so is a leftover.

    The rename survives a power cut before anything is changed.
    """
    path.rename(temporary)
    make_durable(path.parent)


def move_all(pairs: Iterable[tuple[Path, Path]]) -> None:
    """Rename already complete files, given as (source, target) pairs, then sync their folders.

    `pairs` is consumed one pair at a time, so a generator may look at the folders between renames.
    """
    with sync_after_renames() as rename:
        for source, target in pairs:
            rename(source, target, None)


@contextmanager
def sync_after_renames() -> Iterator[Callable[[Path, Path, int | None], None]]:
    """Yield a function that renames a file from one path to another; sync the folders when the block ends.

    Its third argument is the descriptor of the source's folder, needed where somebody could replace that folder
    meanwhile, else None.
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
    """Create a folder and its parents where they are missing, so that they survive a power cut."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode, exist_ok=True)
    make_durable(path.parent)


def make_durable(path: Path) -> None:
    """Sync a file's content, or the names in a folder, to disk, so that it survives a power cut."""
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
    """Return the temporary path at which this process writes the future `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def remove_leftovers(folder: Path, name: str | None = None, *, held: bool = False) -> None:
    """Remove temporary files and folders in `folder` that this process or an ended one left.

    `name` limits this to the leftovers of one final name. `held`: the caller holds a lock against all other
    writers, so leftovers are removed whatever process number they carry.
    """
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:  # a folder may have 100,000 files
        hidden = [entry.name for entry in entries if entry.name.startswith(".")]
    for each in hidden:
        found = _LEFTOVER.fullmatch(each)
        if found is None or name not in (None, found["name"]):
            continue
        process = int(found["process"])
        if held or process == os.getpid() or not is_running(process):
            remove(folder / each)


def remove(path: Path) -> None:
    """Remove a file, or a folder and as much of its content as possible. A missing path is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Return whether the process that wrote a temporary file, by the id in its name, still runs on the machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True

"""Makes folders once per session, in the first test process that needs them, and copies them for the others."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

ZEROS = bytes(4096)
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
            _dig_holes(building)
            building.rename(made)
    return made


def copy_once(key: object, target: Path, make: Callable[[Path], object]) -> None:
    """Copy the folder that `make` fills to `target`; keys with the same `repr` share one folder."""
    copy_folder(make_once(sha256(repr(key).encode()).hexdigest()[:20], make), target)


def copy_folder(folder: Path, target: Path) -> None:
    """Copy a folder and all that is in it to `target`, which may exist."""
    shutil.copytree(folder, target, dirs_exist_ok=True, copy_function=copy_sparsely)


def copy_sparsely(source: str | Path, target: str | Path) -> None:
    """Copy a file with its times and permissions, and its holes as holes."""
    with Path(source).open("rb") as original, Path(target).open("wb") as copy:
        size = os.fstat(original.fileno()).st_size
        for start, end in _list_data(original.fileno()):
            os.pwrite(copy.fileno(), os.pread(original.fileno(), end - start, start), start)
        copy.truncate(size)
    shutil.copystat(source, target)


def _list_data(file: int) -> Iterator[tuple[int, int]]:
    """Yield where a file has data: the first byte of each part, and the one after its last."""
    end = 0
    while True:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError:  # there is no more
            return
        end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end


def _dig_holes(folder: Path) -> None:
    """Replace zeros in the files of a folder by holes: most of a small database is zeros, which take long to copy."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file() or path.stat().st_size < len(ZEROS):
            continue
        content, times = path.read_bytes(), path.stat()
        with path.open("r+b") as file:
            file.truncate(0)
            for start in range(0, len(content), len(ZEROS)):
                chunk = content[start : start + len(ZEROS)]
                if chunk != ZEROS:
                    os.pwrite(file.fileno(), chunk, start)
            file.truncate(len(content))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

"""Makes unusual files and folders, which must not stop a run."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEXT = "text\na good film\n"


@contextmanager
def deep_tree(top: Path, depth: int) -> Iterator[None]:
    """Make deeply nested folders and remove them; Python's own functions for that exceed its recursion limit."""
    top.mkdir()
    below = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=below)
        inner = os.open("d", os.O_RDONLY, dir_fd=below)
        os.close(below)
        below = inner
    os.close(below)
    try:
        yield
    finally:
        subprocess.run(["rm", "-rf", str(top)], check=True)


def write_odd_files(folder: Path) -> list[str]:
    """Write files with odd names and times; return the names of those that can be scored, with one row each."""
    names = {
        "2300.csv": 2300,
        "1900.csv": 1900,
        "1970.csv": 1970,
        "new\nline\x1b[31m.csv": 2026,
        f"{'n' * 251}.csv": 2026,
    }
    for number, (name, year) in enumerate(names.items()):
        path = folder / name
        path.write_text(f"{TEXT.rstrip()} {number}\n")
        seconds = (year - 1970) * 31_556_952
        os.utime(path, (seconds, seconds))
    return list(names)


def write_odd_things(folder: Path) -> int:
    """Put things that are not regular files into a folder; return how many will be skipped."""
    os.mkfifo(folder / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(folder, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{here}/socket.csv")
        os.close(here)
    (folder / "loop.csv").symlink_to(folder / "loop.csv")
    (folder / os.fsdecode(b"caf\xe9.csv")).write_text(TEXT)
    with (folder / "sparse.csv").open("wb") as file:
        file.truncate(2**40)
    (folder / "folder.csv").mkdir()
    return 5

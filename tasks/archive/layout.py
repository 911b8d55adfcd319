"""Checks each entry of the Stanford archive, before it is read, against the layout in `data_contracts.archive`."""

import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from data_contracts.archive import (
    FOLDERS,
    MAX_REVIEW_BYTES,
    MAX_SKIPPED_BYTES,
    MAX_URL_LIST_BYTES,
    ROOT,
    SKIPPED_FILES,
    Folder,
)
from data_contracts.errors import SourceError

NEXT_STEP = "Next: download the archive again, or name another one with --archive."

URL_LISTS = {f"{split}/urls_{label}.txt": (split, label) for split, label in FOLDERS}
_LIMITS = {**dict.fromkeys(URL_LISTS, MAX_URL_LIST_BYTES), **dict.fromkeys(SKIPPED_FILES, MAX_SKIPPED_BYTES)}
_DIRECTORIES = {"", *(split for split, _ in FOLDERS), *(f"{split}/{label}" for split, label in FOLDERS)}
_REVIEW_PATH = re.compile(r"([a-z]+)/([a-z]+)/(0|[1-9][0-9]{0,8})_([0-9]|10)\.txt")


@dataclass(frozen=True)
class ReviewName:
    """The parts of a review's path in the layout: its folder, its number and its rating in stars (0: unknown)."""

    folder: Folder
    number: int
    rating: int


def place_entry(path: Path, entry: tarfile.TarInfo) -> tuple[str, ReviewName | None] | None:
    """Check an entry against the layout; return its path below the root and its review name, None for a folder.

    The review name is None for a file that is no review. Raises `SourceError` for what the layout does not allow:
    anything but its folders, and its files as plain files of a certain size.
    """
    whole = entry.name.removeprefix("./")
    name = "" if whole in (".", ROOT) else whole.removeprefix(f"{ROOT}/")
    review = parse_review_name(name)
    limit = MAX_REVIEW_BYTES if review else _LIMITS.get(name, -1)
    if name == whole or (name not in _DIRECTORIES if entry.isdir() else limit < 0):
        raise refuse_archive(path, f"{entry.name!r} has no place in the layout of {ROOT}/")
    if entry.isdir():
        return None
    if entry.issparse() or entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise refuse_archive(path, f"{entry.name!r} is no plain file")
    if not 0 <= entry.size <= limit:
        raise refuse_archive(path, f"{entry.name!r} claims {entry.size} bytes, the limit is {limit}")
    return name, review


def parse_review_name(path: str) -> ReviewName | None:
    """Parse a review's path in the layout, such as 'train/pos/12_8.txt'; return None for any other path."""
    match = _REVIEW_PATH.fullmatch(path)
    if match is None:
        return None
    split, label, number, rating = match.groups()
    folder = (split, label)
    return ReviewName(folder, int(number), int(rating)) if folder in FOLDERS else None


def refuse_archive(path: Path, reason: str) -> SourceError:
    """Return the error for an archive that breaks the layout: its path, the reason and the next step."""
    return SourceError(f"{path}: {reason}. {NEXT_STEP}")

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

    The review name is None for a file that is no review. Raises `SourceError` for what the layout does not allow.
    """
    name = _require_safe_name(path, entry)
    if entry.isdir():
        _require_known_directory(path, entry, name)
        return None
    review = parse_review_name(name)
    _require_plain_file(path, entry)
    _require_size(path, entry, _find_limit_in_layout(path, entry, name, review))
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


def _require_safe_name(path: Path, entry: tarfile.TarInfo) -> str:
    """Return the entry's path below the root, '' for the root itself; refuse a path outside the root."""
    name = entry.name.removeprefix("./")
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise refuse_archive(path, f"the name {entry.name!r} leads out of the archive")
    if name in (".", ROOT):
        return ""
    if not name.startswith(f"{ROOT}/"):
        raise refuse_archive(path, f"{entry.name!r} is not in the root folder '{ROOT}'")
    return name.removeprefix(f"{ROOT}/")


def _require_known_directory(path: Path, entry: tarfile.TarInfo, name: str) -> None:
    """Refuse a folder that the layout does not have."""
    if name not in _DIRECTORIES:
        raise refuse_archive(path, f"the folder {entry.name!r} has no place in the layout")


def _require_plain_file(path: Path, entry: tarfile.TarInfo) -> None:
    """Refuse links, devices and sparse files: the layout has only folders and plain files."""
    kinds = {
        tarfile.SYMTYPE: "a symbolic link",
        tarfile.LNKTYPE: "a hard link",
        tarfile.CHRTYPE: "a device",
        tarfile.BLKTYPE: "a device",
        tarfile.FIFOTYPE: "a named pipe",
    }
    if entry.issparse() or entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        kind = kinds.get(entry.type, "a special member")
        raise refuse_archive(path, f"{entry.name!r} is {kind}, not a plain file")


def _find_limit_in_layout(path: Path, entry: tarfile.TarInfo, name: str, review: ReviewName | None) -> int:
    """Return the most bytes that the layout allows for this file; refuse a file that has no place in the layout."""
    if review is not None:
        return MAX_REVIEW_BYTES
    if name in URL_LISTS:
        return MAX_URL_LIST_BYTES
    if name in SKIPPED_FILES:
        return MAX_SKIPPED_BYTES
    if name.rpartition("/")[0] in _DIRECTORIES and name.count("/") == 2:
        raise refuse_archive(path, f"{entry.name!r} is not named ID_RATING.txt (rating 0 to 10)")
    raise refuse_archive(path, f"the file {entry.name!r} has no place in the layout")


def _require_size(path: Path, entry: tarfile.TarInfo, limit: int) -> None:
    """Refuse a file that is larger than the layout allows."""
    if not 0 <= entry.size <= limit:
        raise refuse_archive(path, f"{entry.name!r} claims {entry.size} bytes, the limit is {limit}")
